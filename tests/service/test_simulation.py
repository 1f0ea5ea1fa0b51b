"""The simulator: unchanged it gives what the ledger minted, and under a draft who gains and who loses."""

from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.service import World
from tests.service.test_windows import adopt, own_scheme, serve
from timebank.ledger import selectors as ledger_read
from timebank.policy import published
from timebank.policy import services as policy
from timebank.policy.engine import ANY_HOURS, Cap, Fact, Kind, Past, Period, Rule, Scheme, quote
from timebank.policy.replay import Served, replay
from timebank.policy.selectors import version_by_code
from timebank.registry import services as registry
from timebank.registry.models import User
from timebank.service import services
from timebank.service.selectors.simulation import simulate

FIRST, LAST = dt.date(2026, 9, 1), dt.date(2026, 12, 31)


def minted(world: World) -> int:
    return -ledger_read.balance_of(f"issuance:region:{world.village.pk}").total


def test_the_unchanged_scheme_gives_what_the_ledger_minted(world: World) -> None:
    for person, days in ((world.wang, (1, 2, 3)), (world.li, (4, 5))):
        for day in days:
            serve(world, person, 250, day)
    adopt(world, "rongcheng-dongdaoliujia", dt.date(2026, 10, 1))
    records = [serve(world, world.wang, 500, day, month=10) for day in (1, 2)]
    services.reverse_record(record=records[0], actor=world.verifier, reason="错")
    result = simulate(world.village, FIRST, LAST)
    assert (result.before, result.after, result.same) == (minted(world), minted(world), len(result.people))
    assert result.before > 0


def test_unchanged_with_household_limits_and_surplus(world: World) -> None:
    rule = Rule(
        code="hours",
        kind=Kind.BLOCK,
        categories=(ANY_HOURS,),
        per=60,
        points=100,
        caps=(Cap(Period.MONTH, 500, "household"),),
    )
    own_scheme("family", rule, holding_cap=400)
    adopt(world, "family", dt.date(2020, 1, 1))
    husband, wife = (world.resident(name, household_number="7") for name in ("张", "刘"))
    for day, person in ((1, husband), (2, wife), (3, husband)):
        serve(world, person, 180, day)
    result = simulate(world.village, FIRST, LAST)
    assert (result.after, result.before) == (minted(world), 500)


def test_a_draft_says_who_gains_and_who_loses(world: World) -> None:
    for day in (1, 2):
        serve(world, world.wang, 600, day)  # 20 h: 5.00
    serve(world, world.li, 120, 3)  # 2 h: nothing
    result = simulate(world.village, FIRST, LAST, version_by_code("hailin@1"))  # 2 h an activity at most
    assert {one.person: (one.before, one.after) for one in result.people} == {
        world.wang.pk: (500, 400),
        world.li.pk: (0, 200),
    }
    assert [len(result.gains), len(result.loses), result.change] == [1, 1, 100]
    # Another place or another time has no part in it.
    assert simulate(world.other, FIRST, LAST, version_by_code("hailin@1")).people == []
    assert simulate(world.village, dt.date(2025, 1, 1), dt.date(2025, 12, 31)).people == []


def test_history_before_the_period_counts(world: World) -> None:
    for day in (1, 2):
        serve(world, world.wang, 600, day)
    serve(world, world.wang, 600, 5, month=10)
    october = simulate(world.village, dt.date(2026, 10, 10), LAST)
    assert (october.before, october.after) == (0, 0)  # 30 h are worth what 20 h are
    assert simulate(world.village, dt.date(2026, 10, 10), LAST, version_by_code("wendeng-rural@1")).after == 0


def test_it_reads_in_sets(world: World) -> None:
    serve(world, world.wang, 240, 1)
    with CaptureQueriesContext(connection) as few:
        simulate(world.village, FIRST, LAST, version_by_code("hailin@1"))
    for day in range(2, 12):
        serve(world, world.resident(), 240, day)
    with CaptureQueriesContext(connection) as many:
        simulate(world.village, FIRST, LAST, version_by_code("hailin@1"))
    assert len(many) == len(few)


def test_command_and_page(world: World) -> None:
    serve(world, world.wang, 600, 1)
    out = StringIO()
    call_command("simulate_scheme", world.village.code, "2026-09-01", "2026-12-31", "--scheme", "hailin@1", stdout=out)
    assert out.getvalue().splitlines()[:2] == ["people 1, minted then 2", "under hailin@1 2"]
    with pytest.raises(CommandError):
        call_command("simulate_scheme", "1", "2026-09-01", "2026-12-31")
    with pytest.raises(CommandError):
        call_command("simulate_scheme", world.village.code, "2026-09-01", "2026-12-31", "--scheme", "none@1")
    town = User.objects.create_user(name="镇长", email="town@shanji.example", password="a-long-password")
    registry.grant_role(user=town, role="town_admin", actor=None, region=world.town)
    client = Client(headers={"accept-language": "en"})
    client.force_login(town)
    address = f"/schemes/longxian-beicheng/1/simulate/?region={world.town.pk}&first=2026-09-01&last=2026-12-31"
    page = client.get(address).content.decode()
    assert "1 person gains" in page
    assert "2 → 10" in page
    assert client.get(address.replace("2026-12-31", "2025-01-01")).status_code == 422
    assert policy is not None


# -- Laws --------------------------------------------------------------------------------------------------------------
SCHEMES = [published.wendeng_rural(), *published.other_schemes().values()]
MINUTES = st.lists(st.integers(min_value=1, max_value=900), min_size=1, max_size=12)


def run(scheme: Scheme, minutes: list[int]) -> list[int]:
    history: list[Past] = []
    points = []
    for day, spent in enumerate(minutes):
        fact = Fact("clean", dt.date(2026, 3, 1) + dt.timedelta(days=day), minutes=spent)
        result = quote(scheme, history, fact)
        history.append(Past(fact.category, fact.on, spent, points=result.points, rule=result.rule))
        points.append(result.points)
    return points


@given(MINUTES, st.integers(0, 11), st.integers(0, 600))
def test_more_hours_never_earn_less(minutes: list[int], which: int, more: int) -> None:
    longer = list(minutes)
    longer[which % len(minutes)] += more
    for scheme in SCHEMES:
        assert sum(run(scheme, longer)) >= sum(run(scheme, minutes))


@given(MINUTES, MINUTES)
def test_a_change_of_scheme_never_pays_the_same_hours_twice(first: list[int], then: list[int]) -> None:
    """However the village changes between cumulative schemes, nobody has more than the better one gives for all."""
    wendeng, village = published.wendeng_rural(), published.other_schemes()["rongcheng-dongdaoliujia"]
    history: list[Past] = []
    total = 0
    day = dt.date(2026, 3, 1)
    for scheme, part in ((wendeng, first), (village, then)):
        for spent in part:
            result = quote(scheme, history, Fact("clean", day, minutes=spent))
            history.append(Past("clean", day, spent, points=result.points, rule=result.rule))
            total += result.points
            day += dt.timedelta(days=1)
    assert total <= max(sum(run(wendeng, first)), sum(run(village, [*first, *then])))
    assert total >= sum(run(wendeng, first))


@given(MINUTES)
def test_replay_of_the_same_scheme_is_the_same(minutes: list[int]) -> None:
    for scheme in SCHEMES:
        points = run(scheme, minutes)
        served = [
            Served(1, None, Fact("clean", dt.date(2026, 3, 1) + dt.timedelta(days=day), minutes=spent), paid, scheme)
            for day, (spent, paid) in enumerate(zip(minutes, points, strict=True))
        ]
        result = replay(served, {})
        assert result.after == result.before == sum(points)
