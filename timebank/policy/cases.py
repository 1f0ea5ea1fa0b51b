"""Score one worked example of a published rule, by the name that the case files use, with what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction

from timebank.policy import published, units
from timebank.policy.engine import Fact, Scheme, quote
from timebank.policy.ladders import UNDEFINED, Ladder, level_of
from timebank.policy.models import SchemeVersion

DAY = dt.date(2026, 1, 15)
MINUTES_PER = {"hours": 60, "hour": 60, "minutes": 1, "minute": 1, "min": 1}
NO_LEVEL = "none"
WENDENG = "wendeng-rural"
# Names of the case files that are one rule of a scheme: (scheme, codes of its rules).
NAMED = {
    "wendeng_district_hours": (WENDENG, ("district_hours",)),
    "wendeng_village_hours": (WENDENG, ("village_hours",)),
    "wendeng_rural_hours": (WENDENG, ("district_hours", "village_hours")),
    "wendeng_individual_hours": ("individual-district", ("hours-district",)),
    "wendeng_community_hours": ("community-addon", ("hours-community",)),
    "wendeng_donation_year_total": (WENDENG, ("donation",)),
}


class Stored:
    """The schemes and ladders as the database gives them back, by the names of the case files."""

    def __init__(self) -> None:
        self._versions: dict[str, SchemeVersion] = {}
        # An approved version is what prices; what is only a draft is scored as drafted.
        rows = SchemeVersion.objects.exclude(status="discarded").select_related("scheme")
        for version in sorted(rows, key=lambda item: (item.status == "approved", item.number)):
            self._versions[version.scheme.slug] = version

    def scheme(self, name: str) -> Scheme:
        """Return the rules that a case names; raises KeyError."""
        slug, codes = NAMED.get(name, (name.removesuffix("_hours").replace("_", "-"), ()))
        spec = self._versions[slug].spec() if slug in self._versions else None
        if spec is None or not spec.rules:
            raise KeyError(name)
        if not codes:
            return spec
        return Scheme(version=spec.version, rules=tuple(rule for rule in spec.rules if rule.code in codes))

    def carry(self, star: int) -> int:
        """Return what a star gives to the next year under the stored Wendeng scheme (1/100)."""
        return dict(self._versions[WENDENG].spec().carry).get(star, 0)

    def ladder(self, name: str) -> Ladder:
        """Return a stored ladder by its published name; raises KeyError."""
        for slug in (name.replace("_", "-"), name.replace("_", "-").removesuffix("-star")):
            version = self._versions.get(slug)
            ladder = version.ladder() if version else None
            if ladder is not None:
                return ladder
        raise KeyError(name)


def score(stored: Stored, rule: str, text: str, unit: str) -> str:
    """Return the result of a published rule for one input, as the case files spell it.

    Hours become whole minutes (what is begun but not full does not count), money fen; a score stays exact.
    Raises KeyError for a rule nobody published here and ValueError for an input that is no number.
    """
    if rule == "wendeng_yearend_carry":
        return plain(stored.carry(units.STARS[text.strip()[:1]]))
    if unit in ("CNY", "times", "pieces", "ml"):
        scheme = stored.scheme(rule)
        amount = int(Fraction(text) * (published.YUAN if unit == "CNY" else 1))
        category = scheme.rules[0].categories[0]
        kind = "fen" if unit == "CNY" else unit
        return plain(quote(scheme, (), Fact(category, DAY, quantity=amount, unit=kind)).points)
    if unit in MINUTES_PER:
        try:
            scheme = stored.scheme(rule)
        except KeyError:
            return _level(stored.ladder(rule), Fraction(text) * 100 * MINUTES_PER[unit] / 60)
        minutes = int(Fraction(text) * MINUTES_PER[unit])
        return plain(quote(scheme, (), Fact("clean", DAY, minutes=minutes)).points)
    return _level(stored.ladder(rule), Fraction(text) * 100)


def _level(ladder: Ladder, score: Fraction) -> str:
    level = level_of(ladder, score)  # type: ignore[arg-type]  # a fraction compares like a whole number
    if level is not None:
        return level.label
    lowest = ladder.levels[-1].low
    return NO_LEVEL if lowest is not None and score < lowest else UNDEFINED


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
