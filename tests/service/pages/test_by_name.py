"""Attendance by name: everybody expected stands with a box, the ticked are noted in one go, once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories.service import World, at
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.registry.models import Resident
from timebank.service import errors, services
from timebank.service.models import Activity, Attendance, SignUp


def _joined(world: World, many: int, **more: Any) -> tuple[Activity, list[Resident]]:
    activity, people = world.activity(capacity=many, **more), [world.resident() for _number in range(many)]
    for person in people:
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    return activity, people


def _key(html: str, what: str) -> str:
    return re.search(rf'value="(\w+)" id="id_{what}_idempotency_key"', html)[1]  # type: ignore[index]


@time_machine.travel(at(20, 8), tick=False)
def test_everybody_expected_is_checked_in_at_once_and_out_again(world: World, sign_in: Callable) -> None:
    client, (activity, people) = sign_in(world.leader), _joined(world, 12)
    address = reverse("service:lead_walk_in", args=[activity.pk])
    assert address in client.get(f"/lead/{activity.pk}/").content.decode()
    page = client.get(address).content.decode()
    assert page.count('type="checkbox" name="people"') == 12
    assert " checked" not in page
    assert client.get(f"{address}?all=in").content.decode().count(" checked>") == 12
    came = people[:11]
    data = {"what": "in", "people": [person.pk for person in came], "idempotency_key": _key(page, "in")}
    said = text_of(client.post(address, data, follow=True))
    assert "11 people are checked in." in said
    assert {(row.resident_id, row.check_in_method, row.checked_in_by_id) for row in Attendance.objects.all()} == {
        (person.pk, "list", world.leader.pk) for person in came
    }
    page = client.get(address).content.decode()
    assert page.count('type="checkbox" name="people"') == 12  # one still expected, eleven to leave
    with time_machine.travel(at(20, 11), tick=False):
        data = {"what": "out", "people": [person.pk for person in came[:10]], "idempotency_key": _key(page, "out")}
        assert "10 people are checked out." in text_of(client.post(address, data, follow=True))
    assert Attendance.objects.filter(checked_out_at=at(20, 11), check_out_method="list").count() == 10


@time_machine.travel(at(20, 9), tick=False)
def test_whom_it_is_refused_is_named_and_stops_nobody(world: World, sign_in: Callable) -> None:
    elsewhere = world.activity(title="夜巡", starts_at=at(20, 7), ends_at=at(20, 12))
    client, (activity, people) = sign_in(world.leader), _joined(world, 3, title="清洁")
    services.check_in(activity=elsewhere, resident=people[0], actor=world.leader, now=at(20, 8))
    Activity.objects.filter(pk=activity.pk).update(min_age=18)
    grown = Resident.objects.filter(pk__in=[people[0].pk, people[2].pk])
    grown.update(birth_date=dt.date(1960, 1, 1))
    address = reverse("service:lead_walk_in", args=[activity.pk])
    said = text_of(client.post(address, {"what": "in", "people": [person.pk for person in people]}, follow=True))
    assert "1 person is checked in." in said
    assert f"Not noted: {people[0].name}" in said
    assert "夜巡" in said
    assert f"Not noted: {people[1].name}" in said
    assert list(activity.attendances.values_list("resident", flat=True)) == [people[2].pk]


@time_machine.travel(at(20, 8), tick=False)
def test_sent_twice_counts_once_and_other_people_under_the_key_are_refused(world: World, sign_in: Callable) -> None:
    client, (activity, people) = sign_in(world.leader), _joined(world, 3)
    address = reverse("service:lead_walk_in", args=[activity.pk])
    key = _key(client.get(address).content.decode(), "in")
    data = {"what": "in", "people": [person.pk for person in people[:2]], "idempotency_key": key}
    answers = [text_of(client.post(address, data, follow=True)) for _ in range(2)]
    assert all("2 people are checked in." in said for said in answers)
    assert activity.attendances.count() == 2
    with refusal_of_nothing():
        assert client.post(address, {**data, "people": [people[2].pk]}).status_code == 409


@time_machine.travel(at(20, 8), tick=False)
@pytest.mark.parametrize(("case", "status"), [("nobody", 422), ("stranger", 422), ("what", 404), ("over", 409)])
def test_what_can_not_be_noted_changes_nothing(world: World, sign_in: Callable, case: str, status: int) -> None:
    client, (activity, people) = sign_in(world.leader), _joined(world, 2)
    address = reverse("service:lead_walk_in", args=[activity.pk])
    data: dict[str, Any] = {"what": "in", "people": [people[0].pk, people[1].pk]}
    data |= {"nobody": {"people": []}, "stranger": {"people": [world.wang.pk]}, "what": {"what": "fly"}}.get(case, {})
    if case == "over":
        Activity.objects.filter(pk=activity.pk).update(starts_at=at(20, 6), ends_at=at(20, 7))
    with refusal_of_nothing():
        page = client.post(address, data)
    assert page.status_code == status
    if status != 404:
        assert page.content.decode().count('role="alert"') == 1


def test_who_waited_takes_a_free_place_and_is_refused_where_none_is(world: World) -> None:
    activity = world.activity(capacity=1)
    for person in (world.wang, world.li):
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    report = services.check_in_many(
        activity=activity, residents=[world.li, world.wang], actor=world.leader, now=at(20, 8)
    )
    assert report.noted == 1
    assert [(person, type(error)) for person, error in report.refused] == [(world.li, errors.ActivityFull)]
    Activity.objects.filter(pk=activity.pk).update(capacity=2)
    report = services.check_in_many(
        activity=activity, residents=[world.li, world.wang], actor=world.leader, now=at(20, 8)
    )
    assert (report.noted, report.refused) == (2, [])
    assert SignUp.objects.filter(state="going").count() == 2


def test_sixty_cost_no_more_queries_than_two(world: World) -> None:
    counts = []
    for many in (2, 12):
        activity, people = _joined(world, many, title=f"{many} 人")
        for service, now in ((services.check_in_many, at(20, 8)), (services.check_out_many, at(20, 11))):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                service(activity=activity, residents=people, actor=world.leader, now=now)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_only_the_leader_notes_many(world: World) -> None:
    activity, people = _joined(world, 2)
    for service in (services.check_in_many, services.check_out_many):
        with pytest.raises(errors.NotTheLeader):
            service(activity=activity, residents=people, actor=world.stranger, now=at(20, 8))
    assert not Attendance.objects.exists()
