"""Score one worked example of a published rule, by the name that the case files use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction

from timebank.policy import published
from timebank.policy.engine import Fact, Rule, Scheme, quote
from timebank.policy.ladders import UNDEFINED, level_of

DAY = dt.date(2026, 1, 15)
MINUTES_PER = {"hours": 60, "hour": 60, "minutes": 1, "minute": 1, "min": 1}
NO_LEVEL = "none"


def _rule(scheme: Scheme, code: str) -> Scheme:
    rule: Rule = next(rule for rule in scheme.rules if rule.code == code)
    return Scheme(version=scheme.version, rules=(rule,))


def _hour_scorers() -> dict[str, Scheme]:
    wendeng = published.wendeng_rural()
    tables = {
        "wendeng_district_hours": _rule(wendeng, "district_hours"),
        "wendeng_village_hours": _rule(wendeng, "village_hours"),
        "wendeng_rural_hours": Scheme(version="", rules=tuple(r for r in wendeng.rules if r.group == "hours")),
    }
    for name, scheme, level in (
        ("wendeng_individual_hours", "individual_district", "区级"),
        ("wendeng_community_hours", "community_addon", "社区"),
    ):
        rule = tables["wendeng_district_hours"].rules[0]
        tiers = published.hour_tiers(scheme, level)
        tables[name] = Scheme(version="", rules=(Rule(**{**vars(rule), "code": name, "tiers": tiers}),))
    for slug, scheme_ in published.other_schemes().items():
        name = slug.replace("-", "_")
        tables[name] = tables[f"{name}_hours"] = scheme_
    return tables


def score(rule: str, text: str, unit: str) -> str:
    """Return the result of a published rule for one input, as the case files spell it.

    Hours become whole minutes (what is begun but not full does not count), money fen; a score stays exact.
    Raises KeyError for a rule nobody published here and ValueError for an input that is no number.
    """
    if rule == "wendeng_yearend_carry":
        star = published.STARS[text.strip()[:1]]
        return plain(published.YEAR_END_CARRY.get(star, 0))
    if rule == "wendeng_donation_year_total":
        fen = int(Fraction(text) * published.YUAN)
        scheme = _rule(published.wendeng_rural(), "donation")
        return plain(quote(scheme, (), Fact("donation", DAY, quantity=fen)).points)
    tables = _hour_scorers()
    if rule in tables:
        minutes = int(Fraction(text) * MINUTES_PER[unit])
        return plain(quote(tables[rule], (), Fact("clean", DAY, minutes=minutes)).points)
    ladder = published.ladder(rule)
    level = level_of(ladder, Fraction(text) * 100)  # type: ignore[arg-type]
    if level is not None:
        return level.label
    lowest = ladder.levels[-1].low
    return NO_LEVEL if lowest is not None and Fraction(text) * 100 < lowest else UNDEFINED


def plain(points: int) -> str:
    """Return 1/100 points as the shortest decimal."""
    whole, rest = divmod(points, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def same(got: str, expected: str) -> bool:
    """Tell whether a result says what the case expects: numbers by value, words by letter."""
    convert: Callable[[str], Fraction] = Fraction
    try:
        return convert(got) == convert(expected.strip())
    except ValueError:
        wanted = expected.strip()
        return got == wanted or (got == NO_LEVEL and wanted.lower() in {"", "none", "无", "-"})
