"""Two workers deliver at the same moment: twelve messages for twelve people."""

from __future__ import annotations

import pytest

from tests.factories.service import at, make_world
from tests.messages.test_inbox import twelve
from tests.support.races import run_concurrently
from timebank.common import sweeps
from timebank.common.events import DELIVER
from timebank.common.models import Event, EventDelivery
from timebank.messages import services as messages
from timebank.messages.models import Message
from timebank.service import services

pytestmark = [pytest.mark.pg_only("real concurrency"), pytest.mark.django_db(transaction=True)]


def cancelled() -> list[int]:
    world = make_world()
    activity, people, _gone = twelve(world)
    services.cancel_activity(activity=activity, actor=world.leader, reason="大雨", now=at(18))
    return sorted(person.pk for person in people)


def test_each_of_the_twelve_is_told_once():
    people = cancelled()
    run_concurrently(lambda: sweeps.run(DELIVER, at_once=True), 2).raise_unless()
    rows = Message.objects.filter(kind="activity_cancelled")
    assert sorted(rows.values_list("resident_id", flat=True)) == people
    assert EventDelivery.objects.filter(event__kind="activity_cancelled").count() == 1


def test_even_two_deliveries_write_one_row_each():
    """The negative control: with the delivery's own guard out of the way, the unique row still holds."""
    people = cancelled()
    event = Event.objects.get(kind="activity_cancelled")
    run_concurrently(lambda: messages.deliver(event), 3).raise_unless()
    assert Message.objects.filter(kind="activity_cancelled").count() == len(people)
