"""Refuse a scheme that can't be priced with, naming the rule. Pure."""

from __future__ import annotations

from django.utils.translation import gettext as _

from timebank.policy.engine import Kind, Rule, Scheme
from timebank.policy.errors import SchemeInvalid

MONEY = "fen"


def check_scheme(scheme: Scheme) -> None:
    """Refuse a scheme that can't be priced with; the sentence names the rule."""
    codes = [rule.code for rule in scheme.rules]
    if len(set(codes)) != len(codes):
        raise SchemeInvalid(rule="", reason=_("two rules share one code"))
    for rule in scheme.rules:
        problem = _problem_of(rule)
        if problem:
            raise SchemeInvalid(rule=rule.code, reason=problem)
    if scheme.holding_cap is not None and scheme.holding_cap <= 0:
        raise SchemeInvalid(rule="", reason=_("a wallet that may hold nothing"))
    if any(points < 0 for _star, points in scheme.carry) or scheme.entry_validity_years < 1:
        raise SchemeInvalid(rule="", reason=_("nothing is carried over below zero"))


def _problem_of(rule: Rule) -> str:
    return _shape_problem(rule) or _conscience_problem(rule)


def _shape_problem(rule: Rule) -> str:
    if not rule.categories:
        return _("names no category")
    if rule.measure not in {"minutes", "quantity"}:
        return _("measure is neither minutes nor quantity")
    if rule.kind in (Kind.BLOCK, Kind.RATE) and rule.per <= 0:
        return _("block of nothing")
    if rule.kind is Kind.STEPPED:
        steps = [tier.at for tier in rule.tiers]
        if not steps or steps != sorted(set(steps)):
            return _("tiers must rise")
        worth = [tier.points for tier in rule.tiers]
        if worth != sorted(worth):
            return _("a higher step is worth less than a lower one")
    if rule.kind is Kind.BANDS and (not rule.bands or any(band.per <= 0 for band in rule.bands)):
        return _("bands need a positive step")
    if rule.points_max is not None and (rule.kind is not Kind.OCCURRENCE or rule.points_max < rule.points):
        return _("a range needs a lowest and a highest value for one deed")
    if any(percent <= 0 for _code, percent in rule.factors) or any(cap.points < 0 for cap in rule.caps):
        return _("factors and limits are positive numbers")
    if any(cap.per not in {"person", "household"} for cap in rule.caps):
        return _("a limit holds for a person or for a household")
    return ""


def _conscience_problem(rule: Rule) -> str:
    if rule.points < 0 or any(t.points < 0 for t in rule.tiers) or any(b.points < 0 for b in rule.bands):
        return _("points below zero: the bank records service, not conduct")
    if rule.earns not in {"points", "standing"}:
        return _("earns neither points nor standing")
    if ("donation" in rule.categories or rule.unit == MONEY) and rule.earns != "standing":
        return _("money never mints a point")
    return ""
