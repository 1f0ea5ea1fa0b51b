"""Entering by hand, the matrix of states, overlaps."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories.service import World, at, refusal, tokens_of
from timebank.common.errors import ReasonMissing
from timebank.registry.errors import NotAllowed
from timebank.service import errors, rules, services
from timebank.service.models import Activity, Objection, Record, RecordChange

DAY = dt.date(2026, 9, 20)


def _enter(world: World, **changes: object) -> Record:
    given = {"resident": world.wang, "category": "elder", "served_on": DAY, "minutes": 60, "actor": world.leader}
    return services.enter_record(**{**given, "now": at(21), **changes})  # type: ignore[arg-type]


def test_enter_record_keeps_who_when_and_why(world: World) -> None:
    record = _enter(world, reason="纸质单 12 号", title="送饭")
    assert (record.state, record.source, record.village, record.evidence) == ("submitted", "entered", world.village, 20)
    change = record.changes.get()
    assert (change.actor, change.occurred_at, change.reason, change.from_state, change.to_state) == (
        world.leader,
        at(21),
        "纸质单 12 号",
        "",
        "submitted",
    )
    assert record.what == "送饭"
    assert not record.is_flagged


def test_a_late_entry_is_flagged(world: World) -> None:
    # Ten working days after Sunday 20 September end on Friday 2 October.
    assert not _enter(world, now=at(2, 23, 59, month=10)).is_flagged
    assert _enter(world, now=at(3, month=10), minutes=30).is_flagged


@pytest.mark.parametrize(
    ("_case", "changes", "error"),
    [
        ("nothing", {"minutes": 0}, errors.BadMinutes),
        ("negative", {"minutes": -5}, errors.BadMinutes),
        ("too many", {"minutes": 16 * 60 + 1}, errors.BadMinutes),
        ("tomorrow", {"served_on": dt.date(2026, 9, 22)}, errors.BadDay),
    ],
)
def test_enter_record_refuses_impossible_time(world: World, _case: str, changes: dict, error: type) -> None:
    with refusal(error):
        _enter(world, **changes)


def test_enter_record_is_for_leaders_and_verifiers_there(world: World) -> None:
    for actor in (world.wang.user, world.stranger):
        with refusal(errors.NotTheLeader):
            _enter(world, actor=actor)
    assert _enter(world, actor=world.verifier).entered_by == world.verifier


def test_enter_record_for_an_activity_keeps_to_it(world: World) -> None:
    activity = world.activity()
    with refusal(errors.BadMinutes):
        _enter(world, activity=activity, minutes=241)
    record = _enter(world, activity=activity, minutes=90, category="farm", served_on=dt.date(2026, 9, 1))
    assert (record.category_id, record.served_on, record.started_at, record.ended_at, record.title) == (
        "clean",
        DAY,
        at(20, 8),
        at(20, 9, 30),
        "清洁村庄",
    )
    with refusal(errors.RecordExists):
        _enter(world, activity=activity, minutes=30)
    cancelled = world.activity()
    services.cancel_activity(activity=cancelled, actor=world.leader, reason="雨", now=at(19))
    cancelled.refresh_from_db()
    with refusal(errors.ActivityNotOpen):
        _enter(world, activity=cancelled)


@pytest.mark.parametrize(
    ("_case", "starts", "minutes", "clashes"),
    [
        ("same", at(20, 9), 60, True),
        ("tail", at(20, 9, 59), 60, True),
        ("head", at(20, 8, 1), 60, True),
        ("right after", at(20, 10), 60, False),
        ("right before", at(20, 8), 60, False),
    ],
)
def test_overlapping_records_are_refused(
    world: World, _case: str, starts: dt.datetime, minutes: int, clashes: bool
) -> None:
    _enter(world, started_at=at(20, 9))
    if clashes:
        with refusal(errors.OverlappingRecord):
            _enter(world, started_at=starts, minutes=minutes)
        assert _enter(world, resident=world.li, started_at=starts, minutes=minutes).minutes == minutes
    else:
        assert _enter(world, started_at=starts, minutes=minutes).minutes == minutes


def test_a_day_has_sixteen_hours_at_most(world: World) -> None:
    _enter(world, minutes=15 * 60)
    with refusal(errors.OverlappingRecord):
        _enter(world, minutes=61)
    assert _enter(world, minutes=60).minutes == 60


def test_a_returned_record_frees_its_time_and_comes_back_only_if_still_free(world: World) -> None:
    record = _enter(world, started_at=at(20, 9))
    services.return_record(record=record, actor=world.admin, reason="哪天？", now=at(22))
    other = _enter(world, started_at=at(20, 9), category="farm")
    with refusal(errors.OverlappingRecord):
        services.submit_record(record=record, actor=world.leader, reason="改好了", now=at(23))
    services.return_record(record=other, actor=world.admin, reason="重复", now=at(23))
    with refusal(ReasonMissing):
        services.submit_record(record=record, actor=world.leader, now=at(23))
    with refusal(errors.NotTheLeader):
        services.submit_record(record=record, actor=world.li.user, reason="改好了", now=at(23))
    with refusal(errors.BadMinutes):
        services.submit_record(record=record, actor=world.leader, minutes=0, reason="改好了", now=at(23))
    mended = services.submit_record(record=record, actor=world.leader, minutes=45, reason="改好了", now=at(23))
    assert (mended.state, mended.minutes, mended.ended_at) == ("submitted", 45, at(20, 9, 45))
    assert tokens_of(mended) == ["submitted", "returned", "submitted"]


def test_a_returned_activity_record_cannot_grow_past_the_plan(world: World) -> None:
    (record,) = world.attended(world.wang)
    services.return_record(record=record, actor=world.admin, reason="再看", now=at(21))
    with refusal(errors.BadMinutes):
        services.submit_record(record=record, actor=world.leader, minutes=241, reason="多", now=at(21))


def test_a_draft_waits_until_it_is_sent(world: World) -> None:
    record = _enter(world, draft=True)
    assert record.state == "draft"
    with refusal(errors.WrongState):
        services.verify_record(record=record, actor=world.admin)
    assert services.submit_record(record=record, actor=world.leader, now=at(22)).state == "submitted"


# -- Every state against every step -----------------------------------------------------------------------------------
def _in_state(world: World, state: str) -> Record:
    if state == "draft":
        return _enter(world, draft=True)
    if state == "credited":
        return world.credited(world.wang)[0]
    if state == "reversed":
        return services.reverse_record(record=world.credited(world.wang)[0], actor=world.verifier, reason="错")
    if state in {"published", "disputed"}:
        (record,) = world.published(world.wang)
        if state == "disputed":
            services.raise_objection(record=record, resident=world.li, text="不在", actor=world.li.user, now=at(22))
        return Record.objects.get(pk=record.pk)
    (record,) = world.attended(world.wang)
    if state == "verified":
        return services.verify_record(record=record, actor=world.admin)
    if state == "returned":
        return services.return_record(record=record, actor=world.admin, reason="再看")
    return record


STEPS: dict[str, tuple[Callable[[World, Record], object], set[str]]] = {
    "submit": (
        lambda world, record: services.submit_record(record=record, actor=world.leader, reason="好了", now=at(25)),
        {"draft", "returned"},
    ),
    "verify": (lambda world, record: services.verify_record(record=record, actor=world.admin), {"submitted"}),
    "return": (
        lambda world, record: services.return_record(record=record, actor=world.admin, reason="再看"),
        {"submitted", "verified"},
    ),
    "reverse": (
        lambda world, record: services.reverse_record(record=record, actor=world.verifier, reason="错了"),
        {"credited"},
    ),
}
STATES = [state.value for state in Record.State]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("step", ["submit", "verify", "return", "reverse"])
def test_every_step_from_every_state(world: World, state: str, step: str) -> None:
    record = _in_state(world, state)
    assert record.state == state
    do, allowed = STEPS[step]
    if state in allowed:
        count = record.changes.count()
        do(world, record)
        record.refresh_from_db()
        assert record.state != state
        assert record.changes.count() == count + 1
        change = record.changes.order_by("pk").last()
        assert (change.from_state, change.to_state) == (state, record.state)
        assert change.actor is not None
    else:
        with refusal(errors.WrongState):
            do(world, record)


def test_the_table_of_steps_names_every_state() -> None:
    assert set(rules.NEXT) == set(STATES)
    assert set().union(*rules.NEXT.values()) == set(STATES) - {"draft"}


def test_a_submitted_record_reaches_credit_by_no_short_cut(world: World) -> None:
    (record,) = world.attended(world.wang)
    assert services.credit_due(now=at(1, month=12)).due == 0
    services.verify_record(record=record, actor=world.admin)
    assert services.credit_due(now=at(1, month=12)).due == 0
    assert Record.objects.get().state == "verified"


def test_history_refuses_to_be_changed(world: World) -> None:
    change = _enter(world).changes.get()
    change.reason = "别的"
    with refusal(errors.HistoryIsKept):
        change.save()
    with refusal(errors.HistoryIsKept):
        change.delete()
    assert RecordChange.objects.count() == 1


def test_names_on_screen(world: World) -> None:
    record = _enter(world)
    assert str(record) == "王秀英 · 2026-09-20 · 60 min"
    assert str(record.changes.get()) == f"{record.pk}:  → submitted"
    assert str(world.team) == "辛旺庄志愿服务队"
    assert str(world.activity()) == "清洁村庄"
    assert Activity.objects.get().picture == "service/pictures/clean.svg"
    assert not Objection.objects.exists()


def test_roles_of_other_villages_do_nothing_here(world: World) -> None:
    (record,) = world.attended(world.wang)
    with refusal(NotAllowed):
        services.verify_record(record=record, actor=world.stranger)
    with refusal(NotAllowed):
        services.return_record(record=record, actor=world.stranger, reason="再看")
    with refusal(NotAllowed):
        services.publish_notice(village=world.village, actor=world.stranger)
    with refusal(NotAllowed):
        services.reverse_record(record=record, actor=world.stranger, reason="错")


def test_one_slip_in_two_hands_is_one_unless_somebody_says_otherwise(world: World, client: Client) -> None:
    facts = {"resident": world.wang, "category": "elder", "served_on": dt.date(2026, 9, 20), "minutes": 120}
    services.enter_record(**facts, actor=world.leader, now=at(21))
    for other in ({}, {"title": "另一个名目"}):
        with refusal(errors.SameHours):
            services.enter_record(**facts, **other, actor=world.admin, now=at(22))
    services.enter_record(**{**facts, "minutes": 60}, actor=world.admin, now=at(22))
    services.enter_record(**facts, actor=world.admin, given_twice=True, now=at(22))
    assert world.wang.service_records.count() == 3
    # At the page: it is doubted, nothing typed is lost, and a tick says that it is another time.
    client.force_login(world.leader, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    url = reverse("service:lead_hours")
    first = client.get(url).content.decode()
    assert "given_twice" not in first
    key = re.search(r'name="idempotency_key" value="([^"]+)"', first)
    assert key is not None
    typed = {
        "idempotency_key": key[1],
        "code": world.wang.volunteer_number,
        "category": "elder",
        "title": "探访",
        "served_on": "2026-09-20",
        "minutes": "120",
        "reason": "纸条十二号",
    }
    answer = client.post(url, typed)
    page = answer.content.decode()
    assert answer.status_code in (409, 422)
    assert "此人当天已登记过同类、同时长的服务" in page
    assert "纸条十二号" in page
    assert 'name="given_twice"' in page
    assert client.post(url, {**typed, "given_twice": "on"}).status_code == 302
    assert world.wang.service_records.count() == 4
