"""Credit in batches: once, in order, and one bad row does not stop the rest."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories.service import World, at, balance, refusal
from timebank.common.errors import ReasonMissing
from timebank.common.tasks import task_sweep
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.registry import services as registry
from timebank.registry.errors import ConflictOfInterest
from timebank.registry.models import Resident
from timebank.service import selectors, services
from timebank.service.models import Record, SchemeAdoption, Standing

LATER = at(1, month=12)


def test_crediting_twice_mints_once(world: World) -> None:
    (record,) = world.published(world.wang)
    assert services.credit_due(now=LATER).points == 100
    again = services.credit_due(now=LATER)
    assert (again.due, again.credited, again.points) == (0, 0, 0)
    assert balance(world.wang) == 100
    assert Record.objects.get().changes.filter(to_state="credited").count() == 1
    assert record.mint_key == Record.objects.get().transfer_key


def test_the_task_credits_and_says_what_it_did(world: World) -> None:
    world.credited(world.wang)
    world.published(world.li, starts_at=at(20, 8, month=8), ends_at=at(20, 12, month=8))
    assert task_sweep.delay("credit hours").get() == {"handled": 1, "failed": 0}
    assert balance(world.li) == 100


def test_a_failing_row_is_reported_and_the_rest_goes_on(world: World) -> None:
    third = world.resident("孙")
    records = world.published(world.wang, world.li, third)
    more = world.published(world.li, starts_at=at(21, 8), ends_at=at(21, 12))
    ledger.close_account(key=world.li.wallet_key)
    report = services.credit_due(now=LATER)
    assert (report.due, report.credited, report.points) == (4, 2, 200)
    bad = next(one for one in records if one.resident_id == world.li.pk)
    assert next((one.record_id, one.resident_id, one.code) for one in report.failed) == (
        bad.pk,
        world.li.pk,
        "account_closed",
    )
    assert all(one.message for one in report.failed)
    left = Record.objects.filter(state="published")
    assert set(left) == {bad, more[0]}
    assert left.get(pk=bad.pk).credit_problem == "account_closed"
    assert not Standing.objects.filter(resident=world.li).exists()


def test_without_a_scheme_nothing_is_guessed(world: World) -> None:
    world.published(world.wang)
    SchemeAdoption.objects.update(since=dt.date(2026, 10, 1))
    report = services.credit_due(now=LATER)
    assert [one.code for one in report.failed] == ["no_scheme_adopted"]
    assert Record.objects.get().credit_problem == "no_scheme_adopted"
    SchemeAdoption.objects.update(since=dt.date(2020, 1, 1))
    assert services.credit_due(now=LATER).credited == 1
    assert Record.objects.get().credit_problem == ""


def test_an_unknown_scheme_is_reported(world: World) -> None:
    world.published(world.wang)
    SchemeAdoption.objects.update(slug="nowhere")
    report = services.credit_due(now=LATER)
    assert [one.code for one in report.failed] == ["no_scheme"]


def test_batches_split_by_people_and_report_progress(world: World) -> None:
    people = [world.wang, world.li, *(world.resident() for _ in range(3))]
    world.published(*people)
    world.published(*people, starts_at=at(21, 8), ends_at=at(21, 12))
    seen: list[tuple[int, int]] = []
    report = services.credit_due(now=LATER, batch=2, progress=lambda done, due: seen.append((done, due)))
    assert (report.credited, seen) == (10, [(4, 10), (8, 10), (10, 10)])
    assert [balance(one) for one in people] == [100] * 5  # 8 h: still the village's 4 h rung


def test_one_village_can_be_credited_alone(world: World) -> None:
    world.published(world.wang)
    assert services.credit_due(now=LATER, village=world.other).due == 0
    assert services.credit_due(now=LATER, village=world.village).credited == 1


def test_hours_follow_the_published_ladder(world: World) -> None:
    points = []
    for day in range(1, 8):
        (record,) = world.credited(world.wang, starts_at=at(day, 8), ends_at=at(day, 12), now=at(1, 0))
        points.append(record.points)
    # 4 h → 1, 8 h, 12 h → 2 in all, 16 h, 20 h → 5 in all, 24 h, 28 h (Wendeng rural table)
    assert points == [100, 0, 100, 0, 300, 0, 0]
    standing = selectors.standing_of(world.wang, 2026, on=dt.date(2026, 9, 30))
    assert (standing.earned_points, standing.to_next, standing.next_label) == (500, 1501, "三星")


def test_a_new_year_begins_a_new_count(world: World) -> None:
    world.credited(world.wang, starts_at=at(30, 8, month=12), ends_at=at(30, 12, month=12))
    (record,) = world.credited(
        world.wang, starts_at=at(2, 8, month=1, year=2027), ends_at=at(2, 12, month=1, year=2027)
    )
    assert record.points == 100
    days = [(one.expires_on, one.remaining) for one in ledger_read.lots_of(world.wang.wallet_key)]
    assert days == [(dt.date(2028, 12, 31), 200)]  # both were credited in 2027
    assert {one.year: one.earned_points for one in Standing.objects.all()} == {2026: 100, 2027: 100}


@pytest.mark.pg_only("on SQLite the ledger writes row by row")
def test_statements_do_not_grow_with_the_number_of_records(world: World) -> None:
    def counted(people: list[Resident], **when: dt.datetime) -> int:
        world.published(*people, **when)
        with CaptureQueriesContext(connection) as seen:
            assert services.credit_due(now=LATER).credited == len(people)
        return len(seen)

    services.credit_due(now=LATER)  # the sweep has a row of its own from its first run on
    few = counted([world.resident() for _ in range(2)], starts_at=at(3, 8), ends_at=at(3, 12))
    many = counted([world.resident() for _ in range(30)], starts_at=at(4, 8), ends_at=at(4, 12), capacity=30)
    assert many == few


def test_reversal_of_spent_points_leaves_a_debt(world: World) -> None:
    (record,) = world.credited(world.wang)
    ledger.open_account(key="redeemed:test", kind="system")
    from timebank.ledger.types import Leg, TransferSpec

    ledger.post(TransferSpec(key="spend", kind="redeem", legs=(Leg(world.wang.wallet_key, "redeemed:test", 100),)))
    services.reverse_record(record=record, actor=world.verifier, reason="不在场")
    now = ledger_read.balance_of(world.wang.wallet_key)
    assert (now.spendable, now.debt) == (0, 100)


def test_reversal_of_a_record_worth_nothing_moves_no_points(world: World) -> None:
    (record,) = world.credited(world.wang, minutes=60)
    assert services.reverse_record(record=record, actor=world.verifier, reason="不在场").state == "reversed"
    assert ledger_read.transfer_by_key(record.mint_key) is None
    assert Standing.objects.get().minutes == 0


def test_a_reversed_record_no_longer_counts_towards_the_next_point(world: World) -> None:
    (first,) = world.credited(world.wang, minutes=120)
    services.reverse_record(record=first, actor=world.verifier, reason="错")
    (second,) = world.credited(world.wang, minutes=120, starts_at=at(21, 8), ends_at=at(21, 12))
    assert second.points == 0


def test_reversal_refuses_the_wrong_people(world: World) -> None:
    wife, husband = world.resident("妻", household_number="1"), world.resident("夫", household_number="1")
    (record,) = world.credited(wife)
    for person in (wife, husband):
        registry.grant_role(user=person.user, role="verifier", actor=None, region=world.village)
    with pytest.raises(ConflictOfInterest):
        services.reverse_record(record=record, actor=wife.user, reason="错")
    with pytest.raises(ConflictOfInterest):
        services.reverse_record(record=record, actor=husband.user, reason="错")
    with refusal(ReasonMissing):
        services.reverse_record(record=record, actor=world.verifier, reason="")


def test_without_a_scheme_there_are_no_stars_and_nothing_breaks(world: World) -> None:
    SchemeAdoption.objects.all().delete()
    view = selectors.standing_of(world.wang, 2026)
    assert (view.star, view.label, view.discount_percent, view.to_next) == (0, "", 0, None)


@pytest.mark.parametrize("minutes", [1, 239, 240])
def test_every_credited_record_explains_itself(world: World, minutes: int) -> None:
    from django.utils import translation

    from timebank.policy import words

    (record,) = world.credited(world.wang, minutes=minutes)
    for language in ("zh-hans", "en"):
        with translation.override(language):
            said = words.explain(record.quote["steps"])
        assert len(said) >= 2
        assert all(said)
