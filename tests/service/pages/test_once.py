"""What is sent twice from the pages of service is written once, and both answers agree (K4)."""

from __future__ import annotations

import re
from collections.abc import Callable

import time_machine
from django.test import Client

from tests.factories.service import World, at
from timebank.service.models import Activity, Objection, Record


def _twice(client: Client, address: str, **data: object) -> None:
    key = re.search(r'name="idempotency_key" value="(\w+)"', client.get(address).content.decode())[1]  # type: ignore[index]
    answers = [client.post(address, {**data, "idempotency_key": key}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].url == answers[1].url


@time_machine.travel(at(17), tick=False)
def test_an_activity_is_opened_once(world: World, sign_in: Callable) -> None:
    given = {"title": "包饺子", "category": "canteen", "place": "幸福食堂", "day": "2026-09-18", "starts": "08:00"}
    _twice(sign_in(world.leader), "/lead/new/", team=world.team.pk, ends="10:00", capacity=8, **given)
    assert Activity.objects.count() == 1


@time_machine.travel(at(21), tick=False)
def test_hours_are_entered_once(world: World, sign_in: Callable) -> None:
    elder, activity = world.resident("隋老太太", phone=False), world.activity()
    _twice(
        sign_in(world.leader), f"/lead/{activity.pk}/enter/", code=elder.volunteer_number, minutes=60, reason="手机没电"
    )
    assert Record.objects.count() == 1


def test_an_objection_is_raised_once(world: World, sign_in: Callable) -> None:
    (record,) = world.published(world.wang)
    _twice(sign_in(world.li.user), f"/notice/{world.village.pk}/{record.pk}/object/", text="下午才来")
    assert Objection.objects.count() == 1
