"""What a published text leaves open, what may be chosen, and what a choice does to the scheme. Pure.

A question is plain data with a ``kind``; tables write most of them down when they are read (``tables``), the rest is
seen in the scheme itself. Whoever approves answers every one; the answers are kept beside the frozen version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from timebank.common.numbers import format_points
from timebank.policy.engine import Cap, Kind, Period, Rule, Scheme, Windows
from timebank.policy.ladders import Counts, Gap, Ladder, gaps
from timebank.policy.tables import Benefit

NEVER = "never"


@dataclass(frozen=True)
class Content:
    """What a version says: rules, ladder, benefits."""

    scheme: Scheme
    ladder: Ladder | None
    benefits: tuple[Benefit, ...]


@dataclass(frozen=True)
class Question:
    """One open choice in words; ``options`` are (value, label), ``preselected`` the value that is marked first."""

    key: str
    text: str
    options: tuple[tuple[str, str], ...]
    preselected: str


def questions_of(content: Content, noted: Sequence[Mapping[str, Any]], *, by_person: bool = True) -> list[Question]:
    """List what must be answered before this content may be approved.

    ``by_person`` False: a published scheme that the installation brings keeps what it says; only what is undefined is
    asked.
    """
    result = [question for position, note in enumerate(noted) if (question := _noted(content, note, position))]
    result += _gap_questions(content.ladder)
    if by_person:
        result += _standing_questions(content)
    return result


def _noted(content: Content, note: Mapping[str, Any], position: int) -> Question | None:
    rule = next((row for row in content.scheme.rules if row.code == note.get("rule")), None)
    kind = str(note["kind"])
    key = f"{kind}-{note.get('rule') or position}"
    if kind == "benefit_level":
        levels = content.ladder.levels if content.ladder else ()
        options = [
            ("all", _("every level")),
            *((level.label, level.label) for level in levels),
            ("drop", _("leave out")),
        ]
        text = _("The text does not say which level opens “%(benefit)s”.") % {"benefit": note["benefit"]}
        return Question(key, text, tuple(options), "drop")
    if rule is None:
        return None
    label = rule.label
    if kind == "range" and rule.points_max is not None:
        low, high = format_points(rule.points), format_points(rule.points_max)
        return Question(
            key,
            _("“%(rule)s” gives %(low)s to %(high)s points.") % {"rule": label, "low": low, "high": high},
            (("choose", _("the verifier chooses, with a reason")), ("lowest", _("always %(low)s") % {"low": low})),
            "choose",
        )
    if kind == "parts":
        return Question(
            key,
            _("“%(rule)s”: do part hours count?") % {"rule": label},
            (("whole", _("only full ones")), ("parts", _("parts count in proportion"))),
            "whole",
        )
    if kind == "cap_counts":
        return Question(
            key,
            _("“%(rule)s”, limit “%(cap)s”: points or times?") % {"rule": label, "cap": note["cap"]},
            (("points", _("points")), ("times", _("times"))),
            "points",
        )
    if kind == "relative":
        return Question(
            key,
            _("“%(rule)s” is credited to a relative, not to who did it.") % {"rule": label},
            (("drop", _("leave out")), ("keep", _("keep: it moves the standing of the relative"))),
            "drop",
        )
    if kind == "standing_only":
        return Question(
            key,
            _("“%(rule)s” is no service: it moves the standing and never earns points to spend.") % {"rule": label},
            (("keep", _("keep it for the standing")), ("drop", _("leave out"))),
            "keep",
        )
    return None


def _gap_questions(ladder: Ladder | None) -> list[Question]:
    if ladder is None or ladder.gap is not Gap.UNDEFINED or not gaps(ladder):
        return []
    upper, lower = gaps(ladder)[0]
    text = _("The ladder says nothing of a score between %(high)s (%(lower)s) and %(low)s (%(upper)s).") % {
        "high": format_points(lower.high or 0),
        "lower": lower.label,
        "low": format_points(upper.low or 0),
        "upper": upper.label,
    }
    return [Question("gap", text, (("lower", _("the level below")), ("upper", _("the level above"))), "lower")]


def _standing_questions(content: Content) -> list[Question]:
    result = []
    scheme = content.scheme
    if any(rule.period is not Period.FACT for rule in scheme.rules):
        result.append(
            Question(
                "windows",
                _("A month or a year that is running when the scheme begins:"),
                (
                    ("continue", _("goes on: earlier hours count, and so does what they were granted")),
                    ("fresh", _("counting begins anew: neither earlier hours nor their points count")),
                ),
                str(scheme.windows),
            )
        )
    if scheme.rules:
        years = NEVER if scheme.point_validity_years is None else str(scheme.point_validity_years)
        result.append(
            Question(
                "unspent",
                _("Points that are not spent lapse on 31 December"),
                (
                    ("1", _("of the year after they were earned")),
                    ("2", _("of the second year after")),
                    ("3", _("of the third year after")),
                    (NEVER, _("never")),
                ),
                years if years in {"1", "2", "3", NEVER} else "1",
            )
        )
    if content.ladder is not None and content.ladder.counts is Counts.POINTS:
        options = [("none", _("nothing is carried over"))]
        if scheme.carry:
            options.insert(0, ("keep", _("as published: %(carry)s") % {"carry": carry_in_words(scheme)}))
        options.append(("all", _("what was earned counts one year more")))
        result.append(Question("carry", _("The standing at the end of a year:"), tuple(options), options[0][0]))
    return result


def carry_in_words(scheme: Scheme) -> str:
    """Say what each star brings to the next year."""
    return _(", ").join(
        _("%(star)d stars +%(points)s") % {"star": star, "points": format_points(points)}
        for star, points in sorted(scheme.carry, reverse=True)
    )


def apply_answers(content: Content, noted: Sequence[Mapping[str, Any]], answers: Mapping[str, str]) -> Content:
    """Return what the scheme says once the choices are made; unknown answers raise ValueError, none is guessed."""
    rules: dict[str, Rule] = {rule.code: rule for rule in content.scheme.rules}
    benefits = list(content.benefits)
    for position, note in enumerate(noted):
        key = f"{note['kind']}-{note.get('rule') or position}"
        answer = answers.get(key)
        if note["kind"] == "benefit_level" and answer is not None:
            benefits = [_benefit(benefit, str(note["benefit"]), answer) for benefit in benefits]
            benefits = [benefit for benefit in benefits if benefit.title != note["benefit"] or benefit.level != "drop"]
        rule = rules.get(str(note.get("rule")))
        if rule is None or answer is None:
            continue
        changed = _changed(rule, note, answer)
        if changed is None:
            del rules[rule.code]
        else:
            rules[rule.code] = changed
    scheme = replace(content.scheme, rules=tuple(rules.values()))
    if "windows" in answers:
        scheme = replace(scheme, windows=Windows(answers["windows"]))
    if "unspent" in answers:
        scheme = replace(scheme, point_validity_years=None if answers["unspent"] == NEVER else int(answers["unspent"]))
    if answers.get("carry") in ("none", "all"):
        scheme = replace(scheme, carry=(), entry_validity_years=2 if answers["carry"] == "all" else 1)
    ladder = content.ladder
    if ladder is not None and "gap" in answers:
        ladder = replace(ladder, gap=Gap(answers["gap"]))
    return Content(scheme, ladder, tuple(benefits))


def _benefit(benefit: Benefit, title: str, answer: str) -> Benefit:
    if benefit.title != title or benefit.level:
        return benefit
    return replace(benefit, level=answer)


def _changed(rule: Rule, note: Mapping[str, Any], answer: str) -> Rule | None:
    """Return the rule as chosen, None when it is left out."""
    if answer == "drop":
        return None
    if (note["kind"], answer) == ("range", "lowest"):
        return replace(rule, points_max=None)
    if (note["kind"], answer) == ("parts", "parts"):
        return replace(rule, kind=Kind.RATE)
    if (note["kind"], answer) == ("cap_counts", "times"):
        caps = tuple(Cap(cap.period, cap.points // 100 * rule.points, cap.per) for cap in rule.caps)
        return replace(rule, caps=caps)
    return rule
