"""Standings over years: ladders of hours, what is carried over, entries that count longer; and caps on holding."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.service import World, at, balance
from tests.service.test_windows import adopt, own_scheme, serve, spend
from timebank.ledger import selectors as ledger_read
from timebank.ledger.models import Transfer
from timebank.policy import published
from timebank.policy import services as policy
from timebank.policy.engine import ANY_HOURS, Kind, Rule, Scheme
from timebank.policy.errors import ChoicesOpen
from timebank.policy.ladders import Counts, Ends, Ladder, Level
from timebank.service import selectors, services
from timebank.service.models import Standing
from timebank.service.services.years import close_year

HOURLY = Rule(code="hours", kind=Kind.BLOCK, categories=(ANY_HOURS,), per=60, points=100)
NEXT = at(5, month=1, year=2027)


def scheme_with(ladder: Ladder, answers: dict[str, str] | None = None, slug: str = "own", **more) -> None:
    draft = policy.draft_version(
        slug=slug,
        name=slug,
        scheme=Scheme(version=slug, rules=(HOURLY,), **more),
        ladder=ladder,
        effective_from=dt.date(2020, 1, 1),
    )
    policy.approve_version(version=draft, approved_as="村民会议", answers=answers)


def test_a_ladder_of_hours_counts_the_hours_of_a_life(world: World) -> None:
    ladder = Ladder(
        code="hours",
        ends=Ends.AT_LEAST,
        levels=(Level("二星", 2000, None, 2), Level("一星", 1000, None, 1)),
        counts=Counts.HOURS,
    )
    scheme_with(ladder)
    adopt(world, "own", dt.date(2020, 1, 1))
    start = at(1, 6, year=2025)
    world.credited(world.wang, minutes=540, starts_at=start, ends_at=start + dt.timedelta(hours=9), now=start)
    assert selectors.standing_of(world.wang, 2025).star == 0
    serve(world, world.wang, 120, 1)
    view = selectors.standing_of(world.wang, 2026)
    assert (view.star, view.score, view.to_next, view.counts) == (1, 1100, 900, "hours")
    assert Standing.objects.get(resident=world.wang, year=2026).star == 1


def test_nobody_drops_to_nothing_between_two_published_steps(world: World) -> None:
    letters = published.ladder("wendeng_individual")
    with pytest.raises(ChoicesOpen):
        scheme_with(letters)
    scheme_with(letters, {"gap": "lower"}, slug="chosen")
    adopt(world, "chosen", dt.date(2020, 1, 1))
    own = policy.draft_version(
        slug="half",
        name="half",
        scheme=Scheme(version="half", rules=(Rule(**{**vars(HOURLY), "points": 50}),)),
        ladder=Ladder(**vars(letters)),
        effective_from=dt.date(2020, 1, 1),
    )
    policy.approve_version(version=own, approved_as="x", answers={"gap": "lower"})
    adopt(world, "half", dt.date(2021, 1, 1))
    for day in range(1, 6):
        serve(world, world.wang, 708, day)  # 11 full hours: 5.5 points a day
    serve(world, world.wang, 240, 6)
    view = selectors.standing_of(world.wang, 2026)
    assert (view.score, view.label) == (102_950, "A")


def test_close_of_a_year_carries_what_the_star_gives_and_is_repeatable(world: World) -> None:
    # Wendeng: three stars (1020 to 1040) bring 2 points along.
    for day in range(1, 12):
        serve(world, world.wang, 840, day)
    before = selectors.standing_of(world.wang, 2026)
    assert (before.score, before.star) == (102_500, 3)
    points = balance(world.wang)
    transfers = Transfer.objects.count()
    with pytest.raises(Exception, match="没有结束|not over"):
        close_year(year=2026, now=at(1, month=12))
    first, again = close_year(year=2026, now=NEXT), close_year(year=2026, now=NEXT)
    assert (first, again) == (1, 0)
    assert selectors.standing_of(world.wang, 2027).score == 100_200
    # Points to spend are neither made nor lost by the close.
    assert (balance(world.wang), Transfer.objects.count()) == (points, transfers)


def test_a_reversal_after_the_close_takes_the_carry_back_at_the_next_close(world: World) -> None:
    records = [serve(world, world.wang, 840, day) for day in range(1, 13)]
    assert selectors.standing_of(world.wang, 2026).star == 3
    close_year(year=2026, now=NEXT)
    assert selectors.standing_of(world.wang, 2027).score == 100_200
    for record in records[6:]:
        services.reverse_record(record=record, actor=world.verifier, reason="错")
    assert close_year(year=2026, now=NEXT) == 1
    assert selectors.standing_of(world.wang, 2027).score == 100_000


def test_entries_that_count_two_years(world: World) -> None:
    ladder = Ladder(code="p", ends=Ends.AT_LEAST, levels=(Level("一星", 500, None, 1),))
    scheme_with(ladder, entry_validity_years=2)
    adopt(world, "own", dt.date(2020, 1, 1))
    serve(world, world.wang, 300, 1)
    assert [selectors.standing_of(world.wang, year).star for year in (2026, 2027, 2028)] == [1, 1, 0]


def test_command_refuses_a_running_year(world: World) -> None:
    with pytest.raises(CommandError):
        call_command("close_year", "2999")


def test_what_is_above_the_cap_on_holding_goes_to_the_pool(world: World) -> None:
    own_scheme("held", HOURLY, holding_cap=500)
    adopt(world, "held", dt.date(2020, 1, 1))
    first = serve(world, world.wang, 240, 1)
    second = serve(world, world.wang, 180, 2)
    assert (first.points, second.points, balance(world.wang)) == (400, 300, 500)
    pool = f"pool:region:{world.village.pk}"
    assert ledger_read.balance_of(pool).total == 200
    assert second.quote["steps"][-1] == {"code": "surplus", "params": {"cap": 500, "surplus": 200}}
    # Hours and standing count in full: the surplus was given, not lost.
    assert Standing.objects.get(resident=world.wang).earned_points == 700
    spend(world, 300)
    assert serve(world, world.wang, 120, 3).points == 200
    assert balance(world.wang) == 400
    services.reverse_record(record=second, actor=world.verifier, reason="错")
    assert (balance(world.wang), ledger_read.balance_of(pool).total) == (300, 0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(min_value=0, max_value=5000), min_size=1, max_size=6), st.integers(1, 6000))
def test_a_cap_on_holding_neither_makes_nor_loses_a_point(amounts: list[int], cap: int) -> None:
    from timebank.service.services.credit import split_at_cap

    held = 0
    given_away = 0
    for amount in amounts:
        kept, surplus = split_at_cap(held, amount, cap)
        assert kept >= 0
        assert surplus >= 0
        assert kept + surplus == amount
        held += kept
        given_away += surplus
    assert held + given_away == sum(amounts)
    assert held <= cap
