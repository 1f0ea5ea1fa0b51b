"""Star levels: read from what credits and reversals keep up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import get_language, ngettext

from timebank.policy.errors import NoSchemeInForce
from timebank.policy.ladders import Counts, Ladder, Level, level_of, next_level
from timebank.registry.models import Resident
from timebank.service.errors import NoScheme
from timebank.service.models import Standing
from timebank.service.selectors.schemes import ladder_of, scheme_of, spec_of


@dataclass(frozen=True)
class StandingView:
    """A level in a year; ``score``, ``earned_points``, ``to_next`` in 1/100; ``to_next`` None at the top."""

    resident_id: int
    year: int
    star: int = 0
    label: str = ""
    discount_percent: int = 0
    score: int = 0
    earned_points: int = 0
    minutes: int = 0
    to_next: int | None = None
    next_label: str = ""
    counts: str = "points"  # or "hours": ``score`` and ``to_next`` are 1/100 of an hour then


@dataclass(frozen=True)
class Ground:
    """What a level rests on: points of the years that count, what was carried over, minutes of the year and of all."""

    earned: int = 0
    carried: int = 0
    minutes: int = 0
    all_minutes: int = 0


def ground_of(years: Mapping[int, Standing], year: int, validity_years: int) -> Ground:
    """Add up what counts in a year: entries of its last ``validity_years`` years, minutes of a whole life."""
    own = years.get(year)
    return Ground(
        earned=sum(row.earned_points for row in years.values() if year - validity_years < row.year <= year),
        carried=own.carried_points if own else 0,
        minutes=own.minutes if own else 0,
        all_minutes=sum(row.minutes for row in years.values() if row.year <= year),
    )


def standing_of(resident: Resident, year: int | None = None, on: dt.date | None = None) -> StandingView:
    """Return the level of a resident; without a scheme there are no stars, and nothing else is refused for that."""
    day = on or timezone.localdate()
    year = year or day.year
    years = {row.year: row for row in Standing.objects.filter(resident=resident, year__lte=year)}
    own = years.get(year)
    earned = own.earned_points if own else 0
    try:
        version = scheme_of(resident.village, min(day, dt.date(year, 12, 31)))
    except (NoScheme, NoSchemeInForce):
        return view_of(resident.pk, year, earned, Ground(minutes=own.minutes if own else 0), None)
    ground = ground_of(years, year, spec_of(version).entry_validity_years)
    return view_of(resident.pk, year, earned, ground, ladder_of(version))


def view_of(resident_id: int, year: int, earned: int, ground: Ground, ladder: Ladder | None) -> StandingView:
    """Work out level and distance; ``earned`` is what the year itself brought."""
    if ladder is None:
        return StandingView(resident_id, year, score=earned, earned_points=earned, minutes=ground.minutes)
    if ladder.counts is Counts.HOURS:
        score = ladder.base + ground.all_minutes * 100 // 60
    else:
        score = ladder.base + ground.carried + ground.earned
    level, following = level_of(ladder, score), next_level(ladder, score)
    return StandingView(
        resident_id,
        year,
        star=level.star if level else 0,
        label=words_of(level) if level else "",
        discount_percent=level.discount_percent if level else 0,
        score=score,
        earned_points=earned,
        minutes=ground.minutes,
        to_next=following[1] if following else None,
        next_label=words_of(following[0]) if following else "",
        counts=str(ladder.counts),
    )


def words_of(level: Level) -> str:
    """Name a level as published; a level that is a number of stars also in the reader's language."""
    if not level.label.endswith("星") or (get_language() or "zh").startswith("zh"):
        return level.label
    return ngettext("%(stars)s star", "%(stars)s stars", level.star) % {"stars": level.star}
