"""Schemes and ladders to plain data and back: what is stored is what is priced with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from timebank.policy.engine import Band, Cap, Kind, Period, Rule, Scheme, Tier, Windows
from timebank.policy.errors import SchemeInvalid
from timebank.policy.ladders import Counts, Ends, Gap, Ladder, Level
from timebank.policy.validity import check_scheme


def scheme_to_json(scheme: Scheme) -> dict[str, Any]:
    """Return the scheme as plain data."""
    return asdict(scheme)


def scheme_from_json(data: dict[str, Any], *, version: str) -> Scheme:
    """Build a scheme from plain data and check it; raises SchemeInvalid naming the rule."""
    rules = []
    for position, raw in enumerate(data.get("rules", ())):
        try:
            rules.append(_rule(raw))
        except (KeyError, TypeError, ValueError) as error:
            raise SchemeInvalid(rule=str(raw.get("code", position)), reason=str(error)) from error
    scheme = Scheme(
        version=version,
        rules=tuple(rules),
        caps=_caps(data.get("caps", ())),
        point_validity_years=data.get("point_validity_years", 1),
        entry_validity_years=data.get("entry_validity_years", 1),
        windows=Windows(data.get("windows", Windows.CONTINUE)),
        carry=tuple((int(star), int(points)) for star, points in data.get("carry", ())),
        holding_cap=data.get("holding_cap"),
    )
    check_scheme(scheme)
    return scheme


def _caps(raw: Any) -> tuple[Cap, ...]:
    return tuple(Cap(Period(cap["period"]), int(cap["points"]), cap.get("per", "person")) for cap in raw)


def _rule(raw: dict[str, Any]) -> Rule:
    return Rule(
        **{
            **raw,
            "kind": Kind(raw["kind"]),
            "period": Period(raw.get("period", "fact")),
            "categories": tuple(raw["categories"]),
            "tiers": tuple(Tier(**tier) for tier in raw.get("tiers", ())),
            "bands": tuple(Band(**band) for band in raw.get("bands", ())),
            "caps": _caps(raw.get("caps", ())),
            "factors": tuple((str(code), int(percent)) for code, percent in raw.get("factors", ())),
        }
    )


def ladder_to_json(ladder: Ladder) -> dict[str, Any]:
    """Return the ladder as plain data."""
    return asdict(ladder)


def ladder_from_json(data: dict[str, Any]) -> Ladder:
    """Build a ladder from plain data."""
    return Ladder(
        code=data["code"],
        ends=Ends(data["ends"]),
        levels=tuple(Level(**level) for level in data["levels"]),
        base=data.get("base", 0),
        gap=Gap(data.get("gap", "undefined")),
        counts=Counts(data.get("counts", "points")),
    )
