"""Price a fact under a scheme. Pure: no database, no clock, no float; same input, same quote, for ever.

Points are integers in 1/100 point. What a rule counts (its *measure*) is whole minutes for time, fen for money,
and pieces for occurrences.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from timebank.policy.errors import SchemeInvalid


class Kind(StrEnum):
    """The shapes of rule found in published tables."""

    OCCURRENCE = "occurrence"  # so many points each time
    BLOCK = "block"  # so many points per N of the measure, whole blocks only
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
    """At most ``points`` in each ``period``."""

    period: Period
    points: int


@dataclass(frozen=True)
class Rule:
    """One line of a published table.

    ``group``: rules of one group price the same deed; the highest counts, they never add up (Wendeng Art. 18(3)).
    ``earns``: "points" can be spent; "standing" only moves the star level. Gifts of money may never earn points.
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
    factors: tuple[tuple[str, int], ...] = ()  # (skill code, per cent)
    earns: str = "points"
    label: str = ""
    source: str = ""


@dataclass(frozen=True)
class Scheme:
    """A set of rules in force from a day; ``version`` names it on every quote."""

    version: str
    rules: tuple[Rule, ...]
    caps: tuple[Cap, ...] = ()
    point_validity_years: int | None = 1  # points lapse on 31 December so many years after the year they were earned


@dataclass(frozen=True)
class Fact:
    """What was done: a category of service on a day, whole minutes of it (or pieces, or fen)."""

    category: str
    on: dt.date
    minutes: int = 0
    quantity: int = 1
    factors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """A fact already priced: what it counted, and the points it earned under which rule."""

    category: str
    on: dt.date
    minutes: int = 0
    quantity: int = 1
    points: int = 0
    rule: str = ""
    factors: tuple[str, ...] = ()


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
        """Return the quote as plain data, to be stored with the record."""
        return asdict(self)


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


def measured(rule: Rule, fact: Fact | Past) -> int:
    """Return what the rule counts of the fact, after its factor and its cap per fact."""
    amount = fact.minutes if rule.measure == "minutes" else fact.quantity
    if rule.measure_cap is not None:
        amount = min(amount, rule.measure_cap)
    percent = max((p for code, p in rule.factors if code in fact.factors), default=100)
    return amount * percent // 100


def worth(rule: Rule, total: int) -> int:
    """Return the points that a total measure is worth under the rule, in 1/100 point."""
    if rule.kind is Kind.OCCURRENCE:
        return total * rule.points
    if rule.kind is Kind.BLOCK:
        return total // rule.per * rule.points
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


def quote(scheme: Scheme, history: Sequence[Past], fact: Fact) -> Quote:
    """Price ``fact`` under ``scheme``, given what the person did before (any order; only the same windows count)."""
    _refuse_nonsense(fact)
    rules = [rule for rule in scheme.rules if fact.category in rule.categories]
    if not rules:
        return Quote(0, "", scheme.version, (Step("no_rule", {"category": fact.category}),))
    best: tuple[int, int, Rule, list[Step]] | None = None
    for rule in rules:
        steps: list[Step] = []
        points, in_all = _entitled(rule, rules, history, fact, steps)
        # Where none adds anything, the one that is worth most in all explains best what is still missing.
        if best is None or (points, in_all) > best[:2]:
            best = (points, in_all, rule, steps)
    assert best is not None  # noqa: S101 (rules is not empty)
    points, _in_all, rule, steps = best
    if len(rules) > 1:
        steps.append(Step("highest", {"rule": rule.code, "label": rule.label}))
    for cap in (*rule.caps, *scheme.caps):
        own = cap in rule.caps
        start, end = window(cap.period, fact.on)
        used = (
            sum(past.points for past in history if start <= past.on <= end and (not own or past.rule == rule.code))
            if cap.period is not Period.FACT
            else 0
        )
        left = max(cap.points - used, 0)
        if points > left:
            steps.append(Step("cap", {"cap": cap.points, "period": str(cap.period), "used": used, "points": left}))
            points = left
    return Quote(points, rule.code, scheme.version, tuple(steps), rule.earns)


def _refuse_nonsense(fact: Fact) -> None:
    if fact.minutes < 0 or fact.quantity < 0:
        raise ValueError("a fact counts nothing below zero")


def _entitled(rule: Rule, rules: list[Rule], history: Sequence[Past], fact: Fact, steps: list[Step]) -> tuple[int, int]:
    """Return what the fact adds under one rule and what the rule is worth with it in all; say how in ``steps``."""
    now = measured(rule, fact)
    raw = fact.minutes if rule.measure == "minutes" else fact.quantity
    steps.append(Step("measure", {"measure": rule.measure, "amount": raw, "category": fact.category}))
    if now != raw:
        steps.append(Step("counted", {"measure": rule.measure, "amount": now}))
    if rule.period is Period.FACT:
        points = worth(rule, now)
        steps.append(_rate_step(rule, now, points))
        return points, points
    start, end = window(rule.period, fact.on)
    same = [past for past in history if start <= past.on <= end]
    before = sum(measured(rule, past) for past in same if past.category in rule.categories)
    # Rules of one group price the same hours, so what any of them has credited counts against all of them.
    group = {other.code for other in rules if other.group and other.group == rule.group} | {rule.code}
    granted = sum(past.points for past in same if past.rule in group)
    total = before + now
    points = worth(rule, total)
    if before:
        steps.append(
            Step("cumulative", {"measure": rule.measure, "before": before, "total": total, "period": str(rule.period)})
        )
    steps.append(_rate_step(rule, total, points))
    if granted:
        steps.append(Step("granted", {"granted": granted, "points": max(points - granted, 0)}))
    if points <= granted and (gap := _to_next(rule, total, granted)):
        steps.append(Step("to_next", {"measure": rule.measure, "amount": gap}))
    return max(points - granted, 0), points


def _rate_step(rule: Rule, total: int, points: int) -> Step:
    params: dict[str, Any] = {"measure": rule.measure, "points": points, "label": rule.label}
    if rule.kind is Kind.OCCURRENCE:
        return Step("each", {**params, "each": rule.points, "amount": total})
    if rule.kind is Kind.BLOCK:
        return Step("blocks", {**params, "per": rule.per, "each": rule.points, "blocks": total // rule.per})
    if rule.kind is Kind.STEPPED:
        reached = max((tier.at for tier in rule.tiers if total >= tier.at), default=0)
        if not reached:
            return Step("below_tiers", {**params, "first": min(tier.at for tier in rule.tiers)})
        return Step("tier", {**params, "at": reached})
    return Step("bands", {**params, "amount": total})


def _to_next(rule: Rule, total: int, granted: int) -> int:
    """Return how much more of the measure earns the next point, 0 if the table ends."""
    if rule.kind is Kind.STEPPED:
        return min((tier.at - total for tier in rule.tiers if tier.at > total and tier.points > granted), default=0)
    if rule.kind is Kind.BLOCK:
        return (granted // rule.points + 1) * rule.per - total if rule.points else 0
    return 0


def check_scheme(scheme: Scheme) -> None:
    """Refuse a scheme that can't be priced with; the sentence names the rule."""
    codes = [rule.code for rule in scheme.rules]
    if len(set(codes)) != len(codes):
        raise SchemeInvalid(rule="", reason="two rules share one code")
    for rule in scheme.rules:
        problem = _problem_of(rule)
        if problem:
            raise SchemeInvalid(rule=rule.code, reason=problem)


def _problem_of(rule: Rule) -> str:
    if not rule.categories:
        return "names no category"
    if rule.measure not in {"minutes", "quantity"}:
        return "measure is neither minutes nor quantity"
    if rule.kind is Kind.BLOCK and rule.per <= 0:
        return "block of nothing"
    if rule.kind is Kind.STEPPED and (
        not rule.tiers or [t.at for t in rule.tiers] != sorted({t.at for t in rule.tiers})
    ):
        return "tiers must rise"
    if rule.kind is Kind.BANDS and (not rule.bands or any(band.per <= 0 for band in rule.bands)):
        return "bands need a positive step"
    if rule.points < 0 or any(t.points < 0 for t in rule.tiers) or any(b.points < 0 for b in rule.bands):
        return "points below zero: the bank records service, not conduct"
    if rule.earns not in {"points", "standing"}:
        return "earns neither points nor standing"
    if "donation" in rule.categories and rule.earns != "standing":
        return "money never mints a point"
    return ""
