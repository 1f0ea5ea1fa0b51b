"""Price a fact under a scheme. Pure: no database, no clock, no float; same input, same quote, for ever.

Points are integers in 1/100 point. What a rule counts (its *measure*) is whole minutes for time, fen for money,
and pieces for everything else.

What was granted for the same deed counts under any rule: when a village adopts another scheme within a year, a
cumulative rule subtracts what the other scheme gave for the hours it counts (``docs/adr/0030-policy-as-data.md``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ANY_HOURS = "*"  # in ``Rule.categories``: every category that is counted in minutes
ORGANISER = "organiser"  # the factor of whoever led the activity


class Kind(StrEnum):
    """The shapes of rule found in published tables."""

    OCCURRENCE = "occurrence"  # so many points each time
    BLOCK = "block"  # so many points per N of the measure, whole blocks only
    RATE = "rate"  # so many points per N of the measure, parts count, rounded down to 1/100
    STEPPED = "stepped"  # the highest threshold reached replaces the lower ones
    BANDS = "bands"  # marginal bands, each with its own rate and cap


class Period(StrEnum):
    """The window over which a rule counts, or a cap holds."""

    FACT = "fact"
    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALWAYS = "always"


class Windows(StrEnum):
    """What happens to a window (a month, a year) that is running on the day a scheme begins to hold."""

    CONTINUE = "continue"  # earlier hours count, and so does what they were granted
    FRESH = "fresh"  # counting begins anew: neither the earlier hours nor their points count


@dataclass(frozen=True)
class Tier:
    """Reaching ``at`` (measure) is worth ``points`` in all."""

    at: int
    points: int


@dataclass(frozen=True)
class Band:
    """What lies above ``above`` and up to ``upto`` (None: no end) earns ``points`` per whole ``per``, ``cap`` at most.

    ``only_below`` makes the band count only while the total stays under it (Wendeng: gifts under 100 CNY).
    """

    above: int
    upto: int | None
    per: int
    points: int
    cap: int | None = None
    only_below: int | None = None


@dataclass(frozen=True)
class Cap:
    """At most ``points`` in each ``period``, for a person or for a whole household."""

    period: Period
    points: int
    per: str = "person"  # person, household


@dataclass(frozen=True)
class Rule:
    """One line of a published table.

    ``group``: rules of one group price the same deed; the highest counts, they never add up (Wendeng Art. 18(3)).
    ``earns``: "points" can be spent; "standing" only moves the star level. Gifts of money may never earn points.
    ``points_max``: the published text gives a range; whoever verifies chooses within it and says why.
    """

    code: str
    kind: Kind
    categories: tuple[str, ...]
    measure: str = "minutes"  # minutes, quantity
    group: str = ""
    period: Period = Period.FACT
    points: int = 0
    per: int = 0
    tiers: tuple[Tier, ...] = ()
    bands: tuple[Band, ...] = ()
    caps: tuple[Cap, ...] = ()
    measure_cap: int | None = None  # of one fact, e.g. at most two hours per activity
    factors: tuple[tuple[str, int], ...] = ()  # (skill code or "organiser", per cent)
    earns: str = "points"
    label: str = ""
    source: str = ""
    points_max: int | None = None
    unit: str = ""  # of the measure when it is a quantity, for the words: times, pieces, ml, fen


@dataclass(frozen=True)
class Scheme:
    """A set of rules in force from a day; ``version`` names it on every quote."""

    version: str
    rules: tuple[Rule, ...]
    caps: tuple[Cap, ...] = ()
    point_validity_years: int | None = 1  # points lapse on 31 December so many years after the year they were earned
    entry_validity_years: int = 1  # an entry moves the standing of its own year and so many years in all
    windows: Windows = Windows.CONTINUE
    carry: tuple[tuple[int, int], ...] = ()  # (star, 1/100) that a star reached gives to the next year's score
    holding_cap: int | None = None  # 1/100; what a wallet may hold, the surplus goes to the village pool


@dataclass(frozen=True)
class Fact:
    """What was done: a category of service on a day, whole minutes of it (or pieces, or fen).

    ``unit`` is the category's; ``chosen`` the points that the verifier chose within a published range.
    """

    category: str
    on: dt.date
    minutes: int = 0
    quantity: int = 1
    factors: tuple[str, ...] = ()
    unit: str = "minutes"
    chosen: int | None = None


@dataclass(frozen=True)
class Past:
    """A fact already priced: what it counted, and the points it earned under which rule of which scheme."""

    category: str
    on: dt.date
    minutes: int = 0
    quantity: int = 1
    points: int = 0
    rule: str = ""
    factors: tuple[str, ...] = ()
    unit: str = "minutes"
    earns: str = "points"


@dataclass(frozen=True)
class Step:
    """One step of the reckoning: a code and its facts; ``words.explain`` puts it into a sentence."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Quote:
    """The price of a fact and how it came about."""

    points: int
    rule: str
    version: str
    steps: tuple[Step, ...]
    earns: str = "points"

    def as_json(self) -> dict[str, Any]:
        """Return the quote as plain data, to be stored with the record; by hand, ``asdict`` costs ten times as much."""
        steps = tuple({"code": step.code, "params": step.params} for step in self.steps)
        return {
            "points": self.points,
            "rule": self.rule,
            "version": self.version,
            "steps": steps,
            "earns": self.earns,
        }


def window(period: Period, on: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of the period that holds ``on``."""
    if period is Period.YEAR:
        return dt.date(on.year, 1, 1), dt.date(on.year, 12, 31)
    if period in (Period.MONTH, Period.QUARTER):
        size = 1 if period is Period.MONTH else 3
        first = (on.month - 1) // size * size + 1
        start = dt.date(on.year, first, 1)
        following = dt.date(on.year + (first + size > 12), (first + size - 1) % 12 + 1, 1)
        return start, following - dt.timedelta(days=1)
    if period is Period.ALWAYS:
        return dt.date.min, dt.date.max
    return on, on


def matches(rule: Rule, fact: Fact | Past) -> bool:
    """Tell whether a rule counts facts of this kind."""
    return fact.category in rule.categories or (ANY_HOURS in rule.categories and fact.unit == "minutes")


def percent_of(rule: Rule, fact: Fact | Past) -> int:
    """Return the highest factor that the rule grants for this fact, in per cent."""
    if not rule.factors or not fact.factors:
        return 100
    return max((percent for code, percent in rule.factors if code in fact.factors), default=100)


def measured(rule: Rule, fact: Fact | Past) -> int:
    """Return what the rule counts of the fact, after its cap per fact and, for what is measured, its factor."""
    amount = fact.minutes if rule.measure == "minutes" else fact.quantity
    if rule.measure_cap is not None:
        amount = min(amount, rule.measure_cap)
    if rule.kind is Kind.OCCURRENCE:
        return amount  # half a time is no time: the factor multiplies the points
    return amount * percent_of(rule, fact) // 100


def worth(rule: Rule, total: int) -> int:
    """Return the points that a total measure is worth under the rule, in 1/100 point."""
    if rule.kind is Kind.OCCURRENCE:
        return total * rule.points
    if rule.kind is Kind.BLOCK:
        return total // rule.per * rule.points
    if rule.kind is Kind.RATE:
        return total * rule.points // rule.per
    if rule.kind is Kind.STEPPED:
        return max((tier.points for tier in rule.tiers if total >= tier.at), default=0)
    points = 0
    for band in rule.bands:
        if band.only_below is not None and total >= band.only_below:
            continue
        inside = min(total, band.upto if band.upto is not None else total) - band.above
        if inside > 0:
            earned = inside // band.per * band.points
            points += earned if band.cap is None else min(earned, band.cap)
    return points


def quote(
    scheme: Scheme,
    history: Sequence[Past],
    fact: Fact,
    *,
    household: Sequence[Past] = (),
    since: dt.date | None = None,
) -> Quote:
    """Price ``fact`` under ``scheme``, given what the person did before (any order; only the same windows count).

    ``household``: what the others of the household did, for caps that the family shares. ``since``: the day from which
    the scheme holds for this person; it matters when the scheme starts its windows afresh.
    """
    _refuse_nonsense(fact)
    rules = [rule for rule in scheme.rules if matches(rule, fact)]
    if not rules:
        return Quote(0, "", scheme.version, (Step("no_rule", {"category": fact.category}),))
    first = since if scheme.windows is Windows.FRESH and since is not None else dt.date.min
    counted = history if first == dt.date.min else [past for past in history if past.on >= first]
    best: tuple[int, int, Rule, list[Step]] | None = None
    for rule in rules:
        steps: list[Step] = []
        points, in_all = _entitled(rule, counted, fact, steps)
        # Where none adds anything, the one that is worth most in all explains best what is still missing.
        if best is None or (points, in_all) > best[:2]:
            best = (points, in_all, rule, steps)
    assert best is not None  # noqa: S101 (rules is not empty)
    points, _in_all, rule, steps = best
    if len(rules) > 1:
        steps.append(Step("highest", {"rule": rule.code, "label": rule.label}))
    own_codes = {row.code for row in scheme.rules}
    for cap in (*rule.caps, *scheme.caps):
        used = _used(cap, rule if cap in rule.caps else None, own_codes, counted, household, fact)
        left = max(cap.points - used, 0)
        if points > left:
            step = "cap" if cap.per == "person" else "household_cap"
            steps.append(Step(step, {"cap": cap.points, "period": str(cap.period), "used": used, "points": left}))
            points = left
    return Quote(points, rule.code, scheme.version, tuple(steps), rule.earns)


def _refuse_nonsense(fact: Fact) -> None:
    if fact.minutes < 0 or fact.quantity < 0:
        raise ValueError("a fact counts nothing below zero")


def _used(
    cap: Cap, rule: Rule | None, own_codes: set[str], history: Sequence[Past], household: Sequence[Past], fact: Fact
) -> int:
    """Return what a cap has already let pass in its period; ``rule`` None: the cap holds over the whole scheme.

    Of another scheme's rules those count that priced what this rule would have priced.
    """
    if cap.period is Period.FACT:
        return 0
    start, end = window(cap.period, fact.on)
    people = (*history, *household) if cap.per == "household" else history
    same = [past for past in people if start <= past.on <= end]
    if rule is None:
        return sum(past.points for past in same if past.earns == "points")
    return sum(
        past.points for past in same if past.rule == rule.code or (past.rule not in own_codes and matches(rule, past))
    )


def _entitled(rule: Rule, history: Sequence[Past], fact: Fact, steps: list[Step]) -> tuple[int, int]:
    """Return what the fact adds under one rule and what the rule is worth with it in all; say how in ``steps``."""
    now = measured(rule, fact)
    raw = fact.minutes if rule.measure == "minutes" else fact.quantity
    measure = rule.unit or rule.measure
    steps.append(Step("measure", {"measure": measure, "amount": raw, "category": fact.category}))
    if now != raw:
        steps.append(Step("counted", {"measure": measure, "amount": now}))
    if rule.period is Period.FACT:
        points = worth(rule, now)
        steps.append(_rate_step(rule, now, points))
        return _adjusted(rule, fact, points, steps)
    start, end = window(rule.period, fact.on)
    before = granted = 0
    for past in history:
        if start <= past.on <= end and matches(rule, past):
            before += measured(rule, past)
            # One deed earns once: what any rule of any scheme credited for these hours counts against all of them.
            granted += past.points
    total = before + now
    points = worth(rule, total)
    if before:
        steps.append(
            Step("cumulative", {"measure": measure, "before": before, "total": total, "period": str(rule.period)})
        )
    steps.append(_rate_step(rule, total, points))
    if granted:
        steps.append(Step("granted", {"granted": granted, "points": max(points - granted, 0)}))
    if points <= granted and (gap := _to_next(rule, total, granted)):
        steps.append(Step("to_next", {"measure": measure, "amount": gap}))
    return max(points - granted, 0), points


def _adjusted(rule: Rule, fact: Fact, points: int, steps: list[Step]) -> tuple[int, int]:
    """Apply what may move the price of a single deed: a choice within the published range, a factor of the person."""
    if rule.points_max is not None:
        chosen = rule.points if fact.chosen is None else min(max(fact.chosen, rule.points), rule.points_max)
        points = worth(rule, measured(rule, fact)) if fact.chosen is None else chosen
        code = "range_lowest" if fact.chosen is None else "chosen"
        steps.append(Step(code, {"low": rule.points, "high": rule.points_max, "points": points}))
    if rule.kind is Kind.OCCURRENCE and (percent := percent_of(rule, fact)) != 100:
        points = points * percent // 100
        steps.append(Step("factor", {"percent": percent, "points": points}))
    return points, points


def _rate_step(rule: Rule, total: int, points: int) -> Step:
    params: dict[str, Any] = {"measure": rule.unit or rule.measure, "points": points, "label": rule.label}
    if rule.kind is Kind.OCCURRENCE:
        return Step("each", {**params, "each": rule.points, "amount": total})
    if rule.kind is Kind.BLOCK:
        return Step("blocks", {**params, "per": rule.per, "each": rule.points, "blocks": total // rule.per})
    if rule.kind is Kind.RATE:
        return Step("rate", {**params, "per": rule.per, "each": rule.points, "amount": total})
    if rule.kind is Kind.STEPPED:
        reached = max((tier.at for tier in rule.tiers if total >= tier.at), default=0)
        if not reached:
            return Step("below_tiers", {**params, "first": min(tier.at for tier in rule.tiers)})
        return Step("tier", {**params, "at": reached})
    return Step("bands", {**params, "amount": total})


def _to_next(rule: Rule, total: int, granted: int) -> int:
    """Return how much more of the measure earns the next point, 0 if the table ends."""
    if rule.kind is Kind.STEPPED:
        return min(
            (tier.at - total for tier in rule.tiers if tier.at > total and tier.points > granted),
            default=0,
        )
    if rule.kind is Kind.BLOCK:
        return (granted // rule.points + 1) * rule.per - total if rule.points else 0
    return 0
