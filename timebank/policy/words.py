"""Put the steps of a quote into sentences, in the language of whoever reads them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from timebank.common.numbers import format_minutes, format_money
from timebank.common.numbers import format_points_with_unit as points
from timebank.policy import categories

PERIODS = {
    "fact": gettext_lazy("each time"),
    "day": gettext_lazy("a day"),
    "month": gettext_lazy("a month"),
    "quarter": gettext_lazy("a quarter"),
    "year": gettext_lazy("a year"),
    "always": gettext_lazy("in all"),
}


def category(code: str) -> str:
    """Return the name of a category of service."""
    return categories.name_of(code)


def amount(measure: str, count: int) -> str:
    """Return a measure in words: minutes as hours and minutes, pieces as times."""
    if measure == "minutes":
        return format_minutes(count)
    if measure == "fen":
        return format_money(count)
    if measure == "ml":
        return _("%(count)d ml") % {"count": count}
    if measure == "pieces":
        return ngettext("%(count)d piece", "%(count)d pieces", count) % {"count": count}
    return ngettext("%(count)d time", "%(count)d times", count) % {"count": count}


def explain(steps: Sequence[dict[str, Any]]) -> list[str]:
    """Return one sentence a step; ``steps`` is ``Quote.as_json()["steps"]`` as stored with a record."""
    return [_sentence(step["code"], step["params"]) for step in steps]


# What may bring a price down to nothing, the weightiest first.
DECIDES = ("no_rule", "cap", "household_cap", "below_tiers", "to_next", "granted")


def explain_nothing(quote: Mapping[str, Any]) -> str:
    """Say in one sentence why a quote (``Quote.as_json()``) gives no points to spend; "" where it gives some."""
    if quote.get("earns", "points") != "points":
        return _("This counts for the standing only and earns no points to spend.")
    steps = {step["code"]: step for step in quote["steps"]}
    if quote["points"] or not steps:
        return ""
    step = next((steps[code] for code in DECIDES if code in steps), quote["steps"][-1])
    return _sentence(step["code"], step["params"])


def _sentence(code: str, p: dict[str, Any]) -> str:
    say: dict[str, Callable[[], str]] = {
        "no_rule": lambda: (
            _("The scheme in force gives no points for “%(category)s”.") % {"category": category(p["category"])}
        ),
        "measure": lambda: (
            _("%(category)s: %(amount)s")
            % {
                "category": category(p["category"]),
                "amount": amount(p["measure"], p["amount"]),
            }
        ),
        "counted": lambda: _("Counted as %(amount)s by the scheme") % {"amount": amount(p["measure"], p["amount"])},
        "cumulative": lambda: (
            _("Before this %(before)s, now %(total)s (%(period)s)")
            % {
                "before": amount(p["measure"], p["before"]),
                "total": amount(p["measure"], p["total"]),
                "period": PERIODS[p["period"]],
            }
        ),
        "each": lambda: (
            _("%(each)s each time × %(amount)d = %(points)s")
            % {
                "each": points(p["each"]),
                "amount": p["amount"],
                "points": points(p["points"]),
            }
        ),
        "blocks": lambda: (
            _("%(each)s per %(per)s × %(blocks)d = %(points)s")
            % {
                "each": points(p["each"]),
                "per": amount(p["measure"], p["per"]),
                "blocks": p["blocks"],
                "points": points(p["points"]),
            }
        ),
        "rate": lambda: (
            _("%(each)s per %(per)s, parts count: %(amount)s = %(points)s")
            % {
                "each": points(p["each"]),
                "per": amount(p["measure"], p["per"]),
                "amount": amount(p["measure"], p["amount"]),
                "points": points(p["points"]),
            }
        ),
        "chosen": lambda: (
            _("Chosen within %(low)s to %(high)s: %(points)s")
            % {"low": points(p["low"]), "high": points(p["high"]), "points": points(p["points"])}
        ),
        "range_lowest": lambda: (
            _("Between %(low)s and %(high)s; nobody chose more: %(points)s")
            % {"low": points(p["low"]), "high": points(p["high"]), "points": points(p["points"])}
        ),
        "factor": lambda: _("× %(percent)d %% = %(points)s") % {"percent": p["percent"], "points": points(p["points"])},
        "household_cap": lambda: (
            _("Limit for the household %(cap)s %(period)s, %(used)s used → %(points)s")
            % {
                "cap": points(p["cap"]),
                "period": PERIODS[p["period"]],
                "used": points(p["used"]),
                "points": points(p["points"]),
            }
        ),
        "tier": lambda: (
            _("Reached %(at)s: %(points)s in all")
            % {
                "at": amount(p["measure"], p["at"]),
                "points": points(p["points"]),
            }
        ),
        "below_tiers": lambda: _("The first points come at %(first)s") % {"first": amount(p["measure"], p["first"])},
        "bands": lambda: _("By the published bands: %(points)s in all") % {"points": points(p["points"])},
        "granted": lambda: (
            _("%(granted)s of them were credited before → %(points)s now")
            % {
                "granted": points(p["granted"]),
                "points": points(p["points"]),
            }
        ),
        "to_next": lambda: _("%(amount)s more until the next points") % {"amount": amount(p["measure"], p["amount"])},
        "highest": lambda: _("Several rules fit this deed; the highest counts: %(label)s") % {"label": p["label"]},
        "surplus": lambda: (
            _("A wallet may hold %(cap)s; %(surplus)s go to the village pool")
            % {"cap": points(p["cap"]), "surplus": points(p["surplus"])}
        ),
        "cap": lambda: (
            _("Limit %(cap)s %(period)s, %(used)s used → %(points)s")
            % {
                "cap": points(p["cap"]),
                "period": PERIODS[p["period"]],
                "used": points(p["used"]),
                "points": points(p["points"]),
            }
        ),
    }
    return say[code]()
