"""A person registered twice: hours, levels and points are those of one person, and the same hours count once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from marketplace.rewards.selectors.statement import statement_of
from tests.factories.rewards import give
from tests.factories.service import World, at, balance, services
from timebank.common import sweeps
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.errors import ResidentClosed
from timebank.registry.models import Resident
from timebank.registry.services import cases, points
from timebank.service.models import Record, Standing

pytestmark = pytest.mark.django_db
LATER = at(1, month=10)


def merge(world: World, gone: Resident, stays: Resident) -> None:
    case = cases.propose_merge(resident=gone, into=stays, reason="同一个人", actor=world.admin, now=LATER)
    cases.decide_case(case=case, agreed=True, actor=world.verifier, now=LATER)


def hours(world: World, person: Resident, *days: int, minutes: int = 480, until: dt.datetime = LATER) -> list[Record]:
    """Let hours be entered, verified, shown and credited."""
    records = [
        services.enter_record(
            resident=person,
            category="clean",
            served_on=dt.date(2026, 9, day),
            minutes=minutes,
            actor=world.leader,
            now=at(25),
        )
        for day in days
    ]
    for record in records:
        services.verify_record(record=record, actor=world.admin, now=at(25))
    services.publish_notice(village=world.village, actor=world.admin, now=at(25))
    services.credit_due(now=until)
    return [Record.objects.get(pk=record.pk) for record in records]


def spend(person: Resident, amount: int) -> None:
    ledger.open_account(key="system:spent", kind="system", owner="test")
    ledger.post(
        TransferSpec(key=f"spend:{person.pk}", kind="redeem", legs=(Leg(person.wallet_key, "system:spent", amount),))
    )


def test_hours_on_notice_are_credited_to_who_the_person_is(world):
    stays, gone = world.resident(), world.resident(phone=False)
    (record,) = world.published(gone)
    merge(world, gone, stays)
    services.credit_due(now=record.notice_until)
    record.refresh_from_db()
    assert (record.resident, record.state) == (stays, "credited")
    assert (balance(stays), balance(gone)) == (record.points, 0)


@pytest.mark.parametrize("both", [False, True])
def test_the_window_and_the_level_go_on_over_both_numbers(world, both):
    stays, gone = world.resident(), world.resident(phone=False)
    alone = world.resident()
    hours(world, alone, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12)
    hours(world, gone, 2, 3, 4, 5, 6)
    if both:  # a level of the same year on either side
        hours(world, stays, 8)
    merge(world, gone, stays)
    hours(world, stays, *((9, 10, 11, 12) if both else (8, 9, 10, 11, 12)), until=at(9, month=10))
    row, whole = Standing.objects.get(resident=stays), Standing.objects.get(resident=alone)
    assert (row.minutes, row.earned_points, row.star) == (whole.minutes, whole.earned_points, whole.star)
    assert balance(stays) == balance(alone)
    assert not Standing.objects.filter(resident=gone).exists()


def test_the_same_hours_under_both_numbers_count_once(world):
    stays, gone = world.resident(), world.resident(phone=False)
    world.credited(stays, gone)
    twice = balance(stays) + balance(gone)
    merge(world, gone, stays)
    assert twice == 2 * balance(stays) > 0
    assert sorted(Record.objects.values_list("state", flat=True)) == ["credited", "reversed"]
    assert Standing.objects.get(resident=stays).minutes == 240


def test_what_waits_under_both_numbers_waits_once_and_is_not_sent_again(world):
    stays, gone = world.resident(), world.resident(phone=False)
    world.attended(stays, gone)
    entered: dict[str, Any] = {"category": "clean", "minutes": 60, "actor": world.leader, "now": at(25)}
    first = services.enter_record(resident=stays, served_on=at(22).date(), started_at=at(22, 9), **entered)
    same = services.enter_record(resident=gone, served_on=at(22).date(), started_at=at(22, 9, 30), **entered)
    merge(world, gone, stays)
    for record in (first, same):
        record.refresh_from_db()
    assert (first.state, same.state, same.resident) == ("submitted", "returned", stays)
    left = Record.objects.get(resident=gone)
    assert left.state == "returned"
    with pytest.raises(ResidentClosed):
        services.submit_record(record=left, actor=world.leader, reason="再报", now=LATER)


def test_a_reversal_reaches_the_points_wherever_they_are(world):
    stays, gone = world.resident(), world.resident(phone=False)
    (record,) = world.credited(gone)
    merge(world, gone, stays)
    spend(stays, record.points)
    record.refresh_from_db()
    services.reverse_record(record=record, actor=world.verifier, reason="没有来", now=LATER)
    for person, owes in ((gone, 0), (stays, record.points)):
        assert ledger_read.balance_of(person.wallet_key).debt == owes


def test_a_debt_goes_along_with_who_owes_it(world):
    stays, gone = world.resident(), world.resident(phone=False)
    (record,) = world.credited(gone)
    spend(gone, record.points)
    services.reverse_record(record=record, actor=world.verifier, reason="没有来", now=LATER)
    give(stays, record.points + 300)
    merge(world, gone, stays)
    assert (balance(stays), ledger_read.balance_of(gone.wallet_key).debt) == (300, 0)


def test_credited_hours_follow_nobody_else(world):
    stays, gone = world.resident(), world.resident(phone=False)
    (record,) = world.credited(gone)
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.filter(pk=record.pk).update(resident=stays)
    merge(world, gone, stays)
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.filter(pk=record.pk).update(resident=gone)


def test_what_comes_after_a_death_goes_where_the_rest_went(world):
    heir, dead = world.resident(), world.resident(phone=False)
    (record,) = world.published(dead)
    case = cases.propose_death(
        resident=dead, died_on=at(21).date(), heir=heir, reason="已故", actor=world.admin, now=at(22)
    )
    cases.decide_case(case=case, agreed=True, actor=world.verifier, now=at(22))
    services.credit_due(now=record.notice_until)
    record.refresh_from_db()
    assert balance(dead) == record.points > 0
    (sweep,) = points.SWEEPS
    with_rows = list(sweep.due(LATER))
    assert with_rows == [dead.pk]
    sweep.handle(dead.pk, LATER)
    assert (balance(dead), balance(heir)) == (0, record.points)
    assert list(sweep.due(LATER)) == []
    assert sweep.name in sweeps.all_sweeps()


def test_points_that_passed_on_are_told_in_words(world):
    heir, dead = world.resident(), world.resident(phone=False)
    give(dead, 700)
    case = cases.propose_death(resident=dead, died_on=at(21).date(), heir=heir, reason="已故", actor=world.admin)
    cases.decide_case(case=case, agreed=True, actor=world.verifier)
    (line,) = statement_of(heir).lines
    assert (line.title, line.amount) == ("积分转移", 700)
    assert line.explanation == ["原属一位已去世的居民，现转给家人或村集体。"]
