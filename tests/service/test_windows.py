"""Cumulative rules over time: another scheme in the year, a reversal in the window, points that lapsed (faults K5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from tests.factories.service import World, at, balance
from tests.support import clock
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.policy import services as policy
from timebank.policy.engine import ANY_HOURS, Cap, Kind, Period, Rule, Scheme, Windows
from timebank.registry import services as registry
from timebank.service import services
from timebank.service.models import PointCorrection, Record, Standing


@pytest.fixture
def time() -> Iterator[clock.Clock]:
    made = clock.install(at(1))
    yield made
    clock.remove()


def serve(world: World, person, minutes: int, day: int, month: int = 9) -> Record:
    """Let somebody serve and be credited."""
    start = at(day, 6, month=month)
    (record,) = world.credited(
        person, minutes=minutes, starts_at=start, ends_at=start + dt.timedelta(minutes=minutes), now=start
    )
    return record


def adopt(world: World, slug: str, since: dt.date) -> None:
    services.adopt_scheme(region=world.village, slug=slug, since=since, actor=None)


def own_scheme(slug: str, *rules: Rule, **more) -> None:
    draft = policy.draft_version(
        slug=slug, name=slug, scheme=Scheme(version=slug, rules=rules, **more), effective_from=dt.date(2020, 1, 1)
    )
    policy.approve_version(version=draft, approved_as="村民会议")


def test_what_was_granted_for_the_same_hours_counts_under_the_next_scheme(world: World) -> None:
    points = [serve(world, world.wang, 600, day).points for day in (1, 2)]
    assert sum(points) == 500
    adopt(world, "rongcheng-dongdaoliujia", dt.date(2026, 10, 1))
    record = serve(world, world.wang, 60, 3, month=10)
    assert (record.rule_version, record.points) == ("rongcheng-dongdaoliujia@1", 0)
    # 24 hours are six blocks of four: one more than was granted.
    assert serve(world, world.wang, 180, 4, month=10).points == 100


def test_a_scheme_that_counts_afresh_forgets_hours_and_points_alike(world: World) -> None:
    for day in (1, 2):
        serve(world, world.wang, 600, day)
    rule = Rule(code="hours", kind=Kind.BLOCK, categories=(ANY_HOURS,), per=240, points=100, period=Period.YEAR)
    own_scheme("afresh", rule, windows=Windows.FRESH)
    adopt(world, "afresh", dt.date(2026, 10, 1))
    assert [serve(world, world.wang, minutes, day, month=10).points for minutes, day in ((180, 3), (60, 4))] == [0, 100]


def test_reversal_prices_the_window_again_and_books_the_difference(world: World) -> None:
    first = serve(world, world.wang, 200, 1)
    second = serve(world, world.wang, 400, 2)
    assert (first.points, second.points, balance(world.wang)) == (0, 200, 200)
    services.reverse_record(record=first, actor=world.verifier, reason="不在场")
    assert balance(world.wang) == 100
    assert Standing.objects.get(resident=world.wang).earned_points == 100
    (correction,) = PointCorrection.objects.all()
    assert (correction.record, correction.cause, correction.points) == (second, first, -100)
    # The corrected record itself can go, too: nothing is left, nothing is owed.
    services.reverse_record(record=second, actor=world.verifier, reason="不在场")
    state = ledger_read.balance_of(world.wang.wallet_key)
    assert (state.spendable, state.debt, Standing.objects.get(resident=world.wang).earned_points) == (0, 0, 0)


def test_reversal_of_one_of_many_leaves_what_the_rest_is_worth(world: World) -> None:
    records = [serve(world, world.wang, 240, day) for day in range(1, 6)]
    assert [one.points for one in records] == [100, 0, 100, 0, 300]
    services.reverse_record(record=records[0], actor=world.verifier, reason="错")
    assert balance(world.wang) == 200  # sixteen hours
    services.reverse_record(record=records[2], actor=world.verifier, reason="错")
    assert balance(world.wang) == 200  # twelve
    services.reverse_record(record=records[4], actor=world.verifier, reason="错")
    assert balance(world.wang) == 100  # eight
    assert serve(world, world.wang, 120, 10).points == 100  # ten


def test_a_cap_that_a_reversed_record_used_up_is_free_again(world: World) -> None:
    own_scheme(
        "capped",
        Rule(
            code="hours", kind=Kind.BLOCK, categories=(ANY_HOURS,), per=60, points=100, caps=(Cap(Period.MONTH, 300),)
        ),
    )
    adopt(world, "capped", dt.date(2026, 1, 1))
    first, second = serve(world, world.wang, 180, 1), serve(world, world.wang, 120, 2)
    assert (first.points, second.points) == (300, 0)
    services.reverse_record(record=first, actor=world.verifier, reason="错")
    assert balance(world.wang) == 200
    (correction,) = PointCorrection.objects.all()
    assert (correction.record, correction.points) == (second, 200)


def test_what_is_spent_is_owed_and_no_more_than_the_difference(world: World) -> None:
    first, _second = serve(world, world.wang, 200, 1), serve(world, world.wang, 400, 2)
    spend(world, 200)
    services.reverse_record(record=first, actor=world.verifier, reason="错")
    state = ledger_read.balance_of(world.wang.wallet_key)
    assert (state.spendable, state.debt) == (0, 100)


def spend(world: World, amount: int) -> None:
    from timebank.ledger.types import Leg, TransferSpec

    ledger.open_account(key="shop:test", kind="system", owner="")
    spec = TransferSpec(key=f"spend:{amount}", kind="redeem", legs=(Leg(world.wang.wallet_key, "shop:test", amount),))
    ledger.post(spec)


def test_no_debt_for_what_lapsed_unspent(world: World, time: clock.Clock) -> None:
    record = serve(world, world.wang, 600, 1)
    assert record.points == 200
    time.set(at(2, month=1, year=2028))
    assert ledger.expire_due().amount == 200
    services.reverse_record(record=record, actor=world.verifier, reason="不在场")
    state = ledger_read.balance_of(world.wang.wallet_key)
    assert (state.spendable, state.debt) == (0, 0)
    honest = serve_in_2028(world)
    assert (honest.points, balance(world.wang)) == (200, 200)


def serve_in_2028(world: World) -> Record:
    start = at(10, 6, month=1, year=2028)
    (record,) = world.credited(
        world.wang, minutes=600, starts_at=start, ends_at=start + dt.timedelta(hours=10), now=start
    )
    return record


def test_only_the_part_that_lapsed_is_forgiven(world: World, time: clock.Clock) -> None:
    record = serve(world, world.wang, 600, 1)
    spend(world, 150)
    time.set(at(2, month=1, year=2028))
    assert ledger.expire_due().amount == 50
    services.reverse_record(record=record, actor=world.verifier, reason="不在场")
    assert ledger_read.balance_of(world.wang.wallet_key).debt == 150


def test_lapsed_points_are_forgiven_once_not_for_every_reversal(world: World, time: clock.Clock) -> None:
    first, second = serve(world, world.wang, 240, 1), serve(world, world.wang, 360, 2)
    assert (first.points, second.points) == (100, 100)
    spend(world, 100)
    time.set(at(2, month=1, year=2028))
    assert ledger.expire_due().amount == 100
    services.reverse_record(record=second, actor=world.verifier, reason="错")
    services.reverse_record(record=first, actor=world.verifier, reason="错")
    assert ledger_read.balance_of(world.wang.wallet_key).debt == 100


def test_cap_for_life_reads_the_whole_history(world: World) -> None:
    own_scheme(
        "once",
        Rule(
            code="hours", kind=Kind.BLOCK, categories=(ANY_HOURS,), per=60, points=100, caps=(Cap(Period.ALWAYS, 300),)
        ),
    )
    adopt(world, "once", dt.date(2020, 1, 1))
    start = at(1, 6, year=2024)
    world.credited(world.wang, minutes=120, starts_at=start, ends_at=start + dt.timedelta(hours=2), now=start)
    assert serve(world, world.wang, 240, 1).points == 100


def test_a_limit_of_the_household_is_shared_by_its_members(world: World) -> None:
    own_scheme(
        "family",
        Rule(
            code="hours",
            kind=Kind.BLOCK,
            categories=(ANY_HOURS,),
            per=60,
            points=100,
            caps=(Cap(Period.MONTH, 300, "household"),),
        ),
    )
    adopt(world, "family", dt.date(2020, 1, 1))
    husband = world.resident("张", household_number="12")
    wife = world.resident("刘", household_number="12")
    stranger = world.resident("孙", household_number="13")
    assert serve(world, husband, 120, 1).points == 200
    assert serve(world, wife, 120, 2).points == 100
    # In one run, too: the second of a household sees what the first just got.
    start = at(3, 6, month=10)
    both = world.credited(
        husband, wife, stranger, minutes=180, starts_at=start, ends_at=start + dt.timedelta(hours=3), now=start
    )
    assert [one.points for one in both] == [300, 0, 300]
    assert registry is not None
