"""What comes back has a way on: mended and sent again, taken back, entered without an activity (K2)."""

from __future__ import annotations

from collections.abc import Callable

import time_machine

from tests.factories.service import World, at, balance, refusal
from tests.service.pages.reading import text_of
from timebank.common.models import Event
from timebank.service import errors, services
from timebank.service.models import Record


def _returned(world: World) -> Record:
    record = services.enter_record(
        resident=world.wang, category="farm", served_on=at(19).date(), minutes=90, actor=world.leader, now=at(20)
    )
    return services.return_record(record=record, actor=world.verifier, reason="哪块地？", now=at(21))


@time_machine.travel(at(22), tick=False)
def test_the_person_mends_what_came_back_and_a_second_person_verifies(world: World, sign_in: Callable) -> None:
    record = _returned(world)
    client, url = sign_in(world.wang.user), f"/me/hours/{record.pk}/mend/"
    assert url in client.get(f"/me/hours/{record.pk}/").content.decode()
    assert "哪块地？" in text_of(client.get(url))
    assert client.post(url, {"minutes": "60"}).status_code == 422
    assert client.post(url, {"minutes": "99999999999999999999", "reason": "东头"}).status_code == 422
    client.post(url, {"minutes": "60", "reason": "东头二亩地"})
    record.refresh_from_db()
    assert (record.state, record.minutes, record.entered_by) == ("submitted", 60, world.wang.user)
    assert list(record.changes.values_list("code", flat=True)) == ["entered", "returned", "submitted"]
    assert client.get(url).status_code == 404  # nothing to mend any more
    services.verify_record(record=record, actor=world.verifier, now=at(22))


@time_machine.travel(at(22), tick=False)
def test_the_leader_mends_too_and_a_stranger_finds_nothing(world: World, sign_in: Callable) -> None:
    record = _returned(world)
    url = f"/me/hours/{record.pk}/mend/"
    assert sign_in(world.li.user).post(url, {"minutes": "60", "reason": "我"}).status_code == 404
    assert sign_in(world.leader).post(url, {"minutes": "90", "reason": "东头"}).status_code == 302
    record.refresh_from_db()
    assert (record.state, record.entered_by) == ("submitted", world.leader)


def test_credited_hours_are_taken_back_by_another_than_who_verified(world: World, sign_in: Callable) -> None:
    (record,) = world.credited(world.wang, minutes=240)
    url = f"/me/hours/{record.pk}/reverse/"
    for user in (world.admin, world.wang.user, world.leader):  # who verified it, whose it is, who led
        assert sign_in(user).post(url, {"reason": "错"}).status_code == 404
    with refusal(errors.VerifiedByYou):
        services.reverse_record(record=record, actor=world.admin, reason="错")
    client = sign_in(world.verifier)
    assert url in client.get(f"/me/hours/{record.pk}/").content.decode()
    assert "can't be undone" in text_of(client.get(url))
    assert client.post(url, {"reason": "  "}).status_code == 422
    assert client.post(url, {"reason": "当天不在场"}).status_code == 302
    record.refresh_from_db()
    assert (record.state, balance(world.wang)) == ("reversed", 0)
    event = Event.objects.get(kind="record_reversed")
    assert (event.recipients, event.facts["reason"]) == ([f"resident:{world.wang.pk}"], "当天不在场")
    assert "当天不在场" in text_of(sign_in(world.wang.user).get(f"/me/hours/{record.pk}/"))


@time_machine.travel(at(22), tick=False)
def test_hours_without_an_activity_are_entered_once_and_verified_as_any_other(world: World, sign_in: Callable) -> None:
    client = sign_in(world.admin)
    page = client.get("/lead/hours/")
    key = page.context["form"]["idempotency_key"].value()
    assert "/lead/hours/" in client.get("/lead/").content.decode()
    data = {
        "idempotency_key": key,
        "code": world.wang.volunteer_number,
        "category": "farm",
        "title": "替邻居买东西",
        "served_on": "2026-09-21",
        "minutes": "45",
        "reason": "纸条第12号",
    }
    assert client.post("/lead/hours/", {**data, "served_on": "9999-12-31"}).status_code == 422
    for _twice in range(2):
        assert client.post("/lead/hours/", data).status_code == 302
    record = Record.objects.get()
    assert (record.resident, record.minutes, record.activity, record.what) == (world.wang, 45, None, "替邻居买东西")
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.admin, now=at(22))
    services.verify_record(record=record, actor=world.verifier, now=at(22))
    far = world.resident(village=world.far)
    assert client.post("/lead/hours/", {**data, "code": far.volunteer_number, "idempotency_key": ""}).status_code in {
        403,
        422,
    }
    assert Record.objects.count() == 1
