"""One form sent four times at the same moment writes one delivery (K4)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.rewards.models import StockMovement
from timebank.common.models import IdempotencyKey

pytestmark = [pytest.mark.pg_only("real concurrency"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shelf() -> Any:
    from tests.factories.desk import make_village

    village = make_village()
    return village, village.good(stock=2)


def _send(village: Any, item: Any, keys: list[str], run_concurrently: Any) -> list[int]:
    clients = []
    for _ in keys:  # four tabs of one browser, or four taps: each its own connection
        client = Client()
        client.force_login(village.keeper, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        clients.append(client)
    url = reverse("desk:stock_item", args=[item.pk])

    def post(number: int) -> int:
        data = {"r-quantity": 7, "r-idempotency_key": keys[number], "receive": "1", "place": village.place.pk}
        return clients[number].post(url, data).status_code

    return run_concurrently(post, len(keys)).raise_unless().results


def test_a_delivery_of_seven_sent_four_times_at_once_is_one_delivery(shelf, run_concurrently):
    village, item = shelf
    assert _send(village, item, [uuid.uuid4().hex] * 4, run_concurrently) == [302] * 4
    item.refresh_from_db()
    assert item.num_in_stock == 9
    assert StockMovement.objects.filter(stockrecord=item, quantity=7).count() == 1


def test_control_four_forms_are_four_deliveries(shelf, run_concurrently):
    village, item = shelf
    _send(village, item, [uuid.uuid4().hex for _ in range(4)], run_concurrently)
    item.refresh_from_db()
    assert item.num_in_stock == 30


def test_a_list_of_attendance_sent_four_times_at_once_counts_once(run_concurrently):
    from tests.factories.service import make_world
    from timebank.service import services

    world, now = make_world(), timezone.now()
    activity = world.activity(starts_at=now, ends_at=now + dt.timedelta(hours=2), now=now)
    people = [world.resident() for _number in range(5)]
    for person in people:
        services.sign_up(activity=activity, resident=person, actor=person.user)
    key, url = uuid.uuid4().hex, reverse("service:lead_walk_in", args=[activity.pk])
    clients = [Client() for _number in range(4)]
    for client in clients:
        client.force_login(world.leader, backend="timebank.registry.backends.PhoneCardOrEmailBackend")

    def post(number: int) -> int:
        data = {"what": "in", "people": [person.pk for person in people], "idempotency_key": key}
        return clients[number].post(url, data).status_code

    assert run_concurrently(post, 4).raise_unless().results == [302] * 4
    assert sorted(activity.attendances.values_list("resident", flat=True)) == sorted(person.pk for person in people)
    assert IdempotencyKey.objects.get(key=key).result == {"value": {"noted": 5, "refused": []}}
