"""The engine: published tables, caps, groups, and the laws every scheme must obey."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from timebank.policy import codec, published
from timebank.policy.engine import (
    Band,
    Cap,
    Fact,
    Kind,
    Past,
    Period,
    Rule,
    Scheme,
    Tier,
    quote,
    window,
    worth,
)
from timebank.policy.errors import SchemeInvalid
from timebank.policy.validity import check_scheme

DAY = dt.date(2026, 9, 12)
WENDENG = published.wendeng_rural()


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def past(points: int, rule: str, *, minutes: int = 0, category: str = "clean", on: dt.date = DAY) -> Past:
    return Past(category=category, on=on, minutes=minutes, points=points, rule=rule)


def run(scheme: Scheme, facts: list[Fact]) -> list[int]:
    """Price facts one after another, each with all before it as history."""
    history: list[Past] = []
    points = []
    for fact in facts:
        result = quote(scheme, history, fact)
        points.append(result.points)
        history.append(Past(fact.category, fact.on, fact.minutes, fact.quantity, result.points, result.rule))
    return points


def test_first_four_hours_of_the_year_earn_one_point():
    result = quote(WENDENG, [], Fact("clean", DAY, minutes=240))
    assert (result.points, result.rule, result.version) == (100, "village_hours", "wendeng-rural")
    assert [step.code for step in result.steps] == ["measure", "tier", "highest"]


def test_hours_below_the_first_tier_earn_nothing_and_say_how_much_is_missing():
    result = quote(WENDENG, [], Fact("clean", DAY, minutes=200))
    assert result.points == 0
    assert ("to_next", 40) in [(step.code, step.params.get("amount")) for step in result.steps]


def test_a_record_that_adds_nothing_is_explained_by_the_highest_line_reached():
    before = past(500, "district_hours", minutes=20 * 60)
    result = quote(WENDENG, [before], Fact("clean", DAY, minutes=240))
    said = {step.code: step.params for step in result.steps}
    assert result.points == 0
    assert (said["tier"]["at"], said["tier"]["points"]) == (20 * 60, 500)
    assert said["to_next"]["amount"] == 26 * 60


def test_a_higher_tier_replaces_what_lower_ones_gave():
    assert run(WENDENG, [Fact("clean", DAY, minutes=240), Fact("elder", DAY, minutes=360)]) == [100, 100]
    assert run(WENDENG, [Fact("clean", DAY, minutes=78 * 60), Fact("clean", DAY, minutes=240)]) == [1000, 500]


def test_hours_of_another_year_do_not_count():
    last_year = past(100, "village_hours", minutes=240, on=dt.date(2025, 12, 31))
    assert quote(WENDENG, [last_year], Fact("clean", DAY, minutes=239)).points == 0
    assert quote(WENDENG, [last_year], Fact("clean", DAY, minutes=240)).points == 100


def test_help_among_neighbours_counts_once_a_month():
    facts = [Fact("neighbour", dt.date(2026, 9, day)) for day in (1, 30)] + [Fact("neighbour", dt.date(2026, 10, 1))]
    assert run(WENDENG, facts) == [100, 0, 100]


def test_cap_says_what_it_cut():
    result = quote(WENDENG, [past(100, "neighbour", category="neighbour")], Fact("neighbour", DAY))
    assert result.steps[-1].code == "cap"
    assert result.steps[-1].params == {"cap": 100, "period": "month", "used": 100, "points": 0}


def test_gifts_of_money_move_the_standing_and_never_earn_points():
    result = quote(WENDENG, [], Fact("donation", DAY, quantity=100_000))
    assert (result.points, result.earns) == (1000, "standing")
    spendable = [rule for rule in WENDENG.rules if rule.earns == "points"]
    assert all("donation" not in rule.categories for rule in spendable)


def test_scheme_that_mints_from_money_is_refused():
    rule = Rule(code="gift", kind=Kind.OCCURRENCE, categories=("donation",), measure="quantity", points=100)
    with pytest.raises(SchemeInvalid, match="money never mints a point"):
        check_scheme(Scheme(version="x", rules=(rule,)))


@pytest.mark.parametrize(
    ("_case", "rule", "reason"),
    [
        ("no category", Rule(code="r", kind=Kind.OCCURRENCE, categories=()), "names no category"),
        ("no block", Rule(code="r", kind=Kind.BLOCK, categories=("clean",)), "block of nothing"),
        (
            "falling tiers",
            Rule(code="r", kind=Kind.STEPPED, categories=("clean",), tiers=(Tier(60, 1), Tier(30, 2))),
            "tiers must rise",
        ),
        (
            "band without step",
            Rule(code="r", kind=Kind.BANDS, categories=("clean",), bands=(Band(0, None, 0, 1),)),
            "bands need a positive step",
        ),
        ("punishment", Rule(code="r", kind=Kind.OCCURRENCE, categories=("clean",), points=-1), "points below zero"),
        ("odd measure", Rule(code="r", kind=Kind.OCCURRENCE, categories=("c",), measure="km"), "measure is neither"),
        ("odd purse", Rule(code="r", kind=Kind.OCCURRENCE, categories=("c",), earns="cash"), "earns neither"),
    ],
)
def test_check_scheme_names_the_rule_and_the_fault(_case: str, rule: Rule, reason: str):
    with pytest.raises(SchemeInvalid, match=f"r: {reason}"):
        check_scheme(Scheme(version="x", rules=(rule,)))


def test_two_rules_with_one_code_are_refused():
    rule = Rule(code="r", kind=Kind.OCCURRENCE, categories=("clean",))
    with pytest.raises(SchemeInvalid, match="share one code"):
        check_scheme(Scheme(version="x", rules=(rule, rule)))


def test_skill_factor_and_limit_per_activity_change_what_is_counted():
    rule = Rule(
        code="hours",
        kind=Kind.BLOCK,
        categories=("teach",),
        per=60,
        points=100,
        measure_cap=120,
        factors=(("teacher", 150),),
    )
    scheme = Scheme(version="x", rules=(rule,))
    assert quote(scheme, [], Fact("teach", DAY, minutes=300)).points == 200
    skilled = quote(scheme, [], Fact("teach", DAY, minutes=300, factors=("teacher",)))
    assert skilled.points == 300
    assert ("counted", 180) in [(step.code, step.params.get("amount")) for step in skilled.steps]


def test_scheme_cap_counts_points_of_every_rule():
    rule = Rule(code="each", kind=Kind.OCCURRENCE, categories=("a", "b"), measure="quantity", points=100)
    scheme = Scheme(version="x", rules=(rule,), caps=(Cap(Period.DAY, 150),))
    assert quote(scheme, [past(100, "another")], Fact("a", DAY)).points == 50


def test_cap_per_fact_ignores_history():
    rule = Rule(
        code="each",
        kind=Kind.OCCURRENCE,
        categories=("a",),
        measure="quantity",
        points=100,
        caps=(Cap(Period.FACT, 150),),
    )
    scheme = Scheme(version="x", rules=(rule,))
    assert quote(scheme, [past(9999, "each")], Fact("a", DAY, quantity=3)).points == 150


def test_category_without_a_rule_is_explained():
    result = quote(WENDENG, [], Fact("knitting", DAY, quantity=6, unit="pieces"))
    assert (result.points, [step.code for step in result.steps]) == (0, ["no_rule"])


@pytest.mark.parametrize("fact", [Fact("clean", DAY, minutes=-1), Fact("clean", DAY, quantity=-1)])
def test_negative_facts_are_refused(fact: Fact):
    with pytest.raises(ValueError, match="nothing below zero"):
        quote(WENDENG, [], fact)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        (Period.DAY, DAY, DAY),
        (Period.FACT, DAY, DAY),
        (Period.MONTH, dt.date(2026, 9, 1), dt.date(2026, 9, 30)),
        (Period.QUARTER, dt.date(2026, 7, 1), dt.date(2026, 9, 30)),
        (Period.YEAR, dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
        (Period.ALWAYS, dt.date.min, dt.date.max),
    ],
)
def test_window_holds_the_day(period: Period, first: dt.date, last: dt.date):
    assert window(period, DAY) == (first, last)


def test_december_month_ends_on_new_years_eve():
    assert window(Period.MONTH, dt.date(2026, 12, 5)) == (dt.date(2026, 12, 1), dt.date(2026, 12, 31))


@given(st.lists(st.integers(min_value=0, max_value=900), max_size=30))
def test_credits_of_a_year_add_up_to_what_the_year_is_worth(minutes: list[int]):
    """However the hours are cut into records, the sum is the table's value of the total: none lost, none twice."""
    facts = [Fact("clean", DAY, minutes=m) for m in minutes]
    total = sum(minutes)
    tables = [rule for rule in WENDENG.rules if rule.group == "hours"]
    assert sum(run(WENDENG, facts)) == max(worth(rule, total) for rule in tables)


@given(st.integers(min_value=0, max_value=40_000), st.integers(min_value=0, max_value=40_000))
def test_more_hours_are_never_worth_less(less: int, more: int):
    less, more = sorted((less, more))
    for scheme in (WENDENG, *published.other_schemes().values()):
        assert (
            quote(scheme, [], Fact("clean", DAY, minutes=less)).points
            <= quote(scheme, [], Fact("clean", DAY, minutes=more)).points
        )


@given(st.integers(min_value=0, max_value=3_000_000))
def test_gifts_never_pass_the_published_bands(fen: int):
    points = quote(WENDENG, [], Fact("donation", DAY, quantity=fen)).points
    assert 0 <= points <= 4000
    assert points % 10 == 0


def test_scheme_survives_storage_unchanged():
    import json

    for scheme in (WENDENG, *published.other_schemes().values()):
        stored = json.loads(json.dumps(codec.scheme_to_json(scheme)))
        assert codec.scheme_from_json(stored, version=scheme.version) == scheme


@pytest.mark.parametrize(
    "broken", [{"rules": [{"code": "x"}]}, {"rules": [{"code": "x", "kind": "magic", "categories": ["a"]}]}]
)
def test_broken_stored_rule_is_named(broken: dict):
    with pytest.raises(SchemeInvalid, match="x:"):
        codec.scheme_from_json(broken, version="v")
