"""Say a scheme in words, and what differs between two. Pure apart from the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from timebank.common.numbers import format_points
from timebank.common.numbers import format_points_with_unit as points
from timebank.policy import categories
from timebank.policy.engine import ANY_HOURS, Band, Cap, Kind, Period, Rule, Scheme, Windows
from timebank.policy.ladders import Counts, Ends, Gap, Ladder, Level
from timebank.policy.questions import Content, carry_in_words
from timebank.policy.words import PERIODS, amount


@dataclass(frozen=True)
class RuleText:
    """A rule as a person reads it."""

    code: str
    title: str
    lines: tuple[str, ...]
    source: str
    earns_points: bool


@dataclass(frozen=True)
class Difference:
    """One thing that two versions say differently; an empty side says nothing of it."""

    title: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def kind(self) -> str:
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


def rule_text(rule: Rule) -> RuleText:
    """Return a rule in sentences."""
    lines = [_rate(rule)]
    if rule.measure_cap is not None:
        lines.append(
            _("At most %(amount)s of one activity count.") % {"amount": amount(_measure(rule), rule.measure_cap)}
        )
    lines += [cap_text(cap) for cap in rule.caps]
    for code, percent in rule.factors:
        lines.append(_("× %(percent)d %% for %(who)s.") % {"percent": percent, "who": factor_name(code)})
    if rule.group:
        lines.append(_("Rules for the same deed never add up: the highest counts."))
    if rule.earns != "points":
        lines.append(_("Moves the standing only; earns no points to spend."))
    return RuleText(rule.code, rule.label or _applies_to(rule), tuple(lines), rule.source, rule.earns == "points")


def factor_name(code: str) -> str:
    """Return what a factor stands for."""
    return _("whoever organised it") if code == "organiser" else code


def _measure(rule: Rule) -> str:
    return rule.unit or rule.measure


def _applies_to(rule: Rule) -> str:
    if ANY_HOURS in rule.categories:
        return _("Every service by the hour")
    return _(", ").join(categories.name_of(code) for code in rule.categories)


def _rate(rule: Rule) -> str:
    said = {"points": points(rule.points), "per": amount(_measure(rule), rule.per)}
    if rule.kind is Kind.OCCURRENCE and rule.points_max is not None:
        return _("%(low)s to %(high)s points each time; the verifier chooses and says why.") % {
            "low": format_points(rule.points),
            "high": format_points(rule.points_max),
        }
    if rule.kind is Kind.OCCURRENCE:
        return _("%(points)s for each.") % said if rule.unit == "pieces" else _("%(points)s each time.") % said
    if rule.kind is Kind.BLOCK:
        once = _("%(points)s for every full %(per)s.") % said
        return once if rule.period is Period.FACT else once + " " + _counted_over(rule.period)
    if rule.kind is Kind.RATE:
        return _("%(points)s for every %(per)s, parts in proportion.") % said
    if rule.kind is Kind.STEPPED:
        steps = _(", ").join(f"{amount(_measure(rule), tier.at)} → {format_points(tier.points)}" for tier in rule.tiers)
        return (
            _("By steps, the highest reached replaces the lower: %(steps)s.") % {"steps": steps}
            + " "
            + _counted_over(rule.period)
        )
    return _("By bands: %(bands)s.") % {"bands": _("; ").join(_band(rule, band) for band in rule.bands)}


def _counted_over(period: Period) -> str:
    return {
        Period.FACT: _("Each activity counts by itself."),
        Period.DAY: _("Added up over a day."),
        Period.MONTH: _("Added up over a month."),
        Period.QUARTER: _("Added up over a quarter."),
        Period.YEAR: _("Added up over a year."),
        Period.ALWAYS: _("Added up over a whole life."),
    }[period]


def _band(rule: Rule, band: Band) -> str:
    measure = _measure(rule)
    said = {
        "points": format_points(band.points),
        "per": amount(measure, band.per),
        "above": amount(measure, band.above),
        "upto": amount(measure, band.upto or band.only_below or 0),
        "cap": format_points(band.cap or 0),
    }
    if band.only_below is not None:
        text = _("below %(upto)s: %(points)s per %(per)s") % said
    elif band.upto is None:
        text = _("above %(above)s: %(points)s per %(per)s") % said
    else:
        text = _("%(above)s to %(upto)s: %(points)s per %(per)s") % said
    return text + (_(" (%(cap)s at most)") % said if band.cap is not None else "")


def cap_text(cap: Cap) -> str:
    """Return a limit in a sentence."""
    said = {"points": points(cap.points), "period": PERIODS[cap.period]}
    if cap.per == "household":
        return _("At most %(points)s %(period)s for the whole household.") % said
    return _("At most %(points)s %(period)s.") % said


def scheme_lines(scheme: Scheme) -> list[str]:
    """Return what holds over all rules, in sentences."""
    lines = [cap_text(cap) for cap in scheme.caps]
    years = scheme.point_validity_years
    if years is None:
        lines.append(_("Points never lapse."))
    else:
        lines.append(
            _("Points lapse on 31 December, %(years)d year(s) after the year they were earned.") % {"years": years}
        )
    if scheme.entry_validity_years > 1:
        lines.append(
            _("What was earned counts for the standing of %(years)d years.") % {"years": scheme.entry_validity_years}
        )
    if scheme.carry:
        lines.append(_("At the end of a year the star brings along: %(carry)s.") % {"carry": carry_in_words(scheme)})
    if scheme.holding_cap is not None:
        lines.append(
            _("A wallet holds at most %(cap)s; what is above goes to the village pool.")
            % {"cap": points(scheme.holding_cap)}
        )
    if scheme.windows is Windows.FRESH:
        lines.append(_("When the scheme begins, counting begins anew."))
    elif any(rule.period is not Period.FACT for rule in scheme.rules):
        lines.append(_("When the scheme begins, earlier hours of the year count, and so does what they were granted."))
    return lines


def ladder_lines(ladder: Ladder) -> list[tuple[str, str]]:
    """Return the levels, each with the scores that reach it."""
    return [(level.label, _span(ladder, level)) for level in ladder.levels]


def _span(ladder: Ladder, level: Level) -> str:
    unit = _("h") if ladder.counts is Counts.HOURS else ""

    def text(value: int | None) -> str:
        return f"{format_points(value or 0)} {unit}".strip()

    if level.low is None:
        return _("up to %(high)s") % {"high": text(level.high)}
    above = ladder.ends is Ends.OPEN_CLOSED
    if level.high is None:
        return (_("above %(low)s") if above else _("from %(low)s")) % {"low": text(level.low)}
    said = {"low": text(level.low), "high": text(level.high)}
    return (_("above %(low)s, up to %(high)s") if above else _("%(low)s to %(high)s")) % said


def gap_line(ladder: Ladder) -> str:
    """Say what a score between two levels means."""
    return {
        Gap.UNDEFINED: _("The text does not say what a score between two levels means."),
        Gap.LOWER: _("A score between two levels counts as the level below."),
        Gap.UPPER: _("A score between two levels counts as the level above."),
    }[ladder.gap]


def differences(before: Content, after: Content) -> list[Difference]:
    """List what two contents say differently, rule by rule, then what holds over all."""
    result = []
    old = {rule.code: rule_text(rule) for rule in before.scheme.rules}
    new = {rule.code: rule_text(rule) for rule in after.scheme.rules}
    for code in [*old, *(code for code in new if code not in old)]:
        match, other = old.get(code), new.get(code)
        if match is not None and other is not None and (match.lines, match.title) == (other.lines, other.title):
            continue
        shown = other or match
        title = shown.title if shown is not None else code
        result.append(Difference(title, match.lines if match else (), other.lines if other else ()))
    for title, left, right in (
        (_("For all rules"), scheme_lines(before.scheme), scheme_lines(after.scheme)),
        (_("Levels"), _ladder_text(before.ladder), _ladder_text(after.ladder)),
        (_("What a level opens"), _benefits(before), _benefits(after)),
    ):
        if list(left) != list(right):
            gone = tuple(line for line in left if line not in right)
            come = tuple(line for line in right if line not in left)
            result.append(Difference(title, gone, come))
    return result


def _ladder_text(ladder: Ladder | None) -> Sequence[str]:
    if ladder is None:
        return ()
    return [f"{label}: {span}" for label, span in ladder_lines(ladder)] + [gap_line(ladder)]


def _benefits(content: Content) -> Sequence[str]:
    return [
        f"{benefit.level or _('level not stated')}: {benefit.title} {benefit.value}" for benefit in content.benefits
    ]
