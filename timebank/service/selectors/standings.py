"""Star levels: read from what credits and reversals keep up."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import get_language, ngettext

from timebank.policy.errors import NoSchemeInForce
from timebank.policy.ladders import Ladder, Level, level_of, next_level
from timebank.registry.models import Resident
from timebank.service.errors import NoScheme
from timebank.service.models import Standing
from timebank.service.selectors.schemes import ladder_of, scheme_of


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


def standing_of(resident: Resident, year: int | None = None, on: dt.date | None = None) -> StandingView:
    """Return the level of a resident; without a scheme there are no stars, and nothing else is refused for that."""
    day = on or timezone.localdate()
    year = year or day.year
    kept = Standing.objects.filter(resident=resident, year=year).first()
    earned, minutes = (kept.earned_points, kept.minutes) if kept else (0, 0)
    try:
        ladder = ladder_of(scheme_of(resident.village, min(day, dt.date(year, 12, 31))))
    except (NoScheme, NoSchemeInForce):
        ladder = None
    return view_of(resident.pk, year, earned, minutes, ladder)


def view_of(resident_id: int, year: int, earned: int, minutes: int, ladder: Ladder | None) -> StandingView:
    """Work out level and distance from what was earned."""
    if ladder is None:
        return StandingView(resident_id, year, score=earned, earned_points=earned, minutes=minutes)
    score = ladder.base + earned
    level, following = level_of(ladder, score), next_level(ladder, score)
    return StandingView(
        resident_id,
        year,
        star=level.star if level else 0,
        label=words_of(level) if level else "",
        discount_percent=level.discount_percent if level else 0,
        score=score,
        earned_points=earned,
        minutes=minutes,
        to_next=following[1] if following else None,
        next_label=words_of(following[0]) if following else "",
    )


def words_of(level: Level) -> str:
    """Name a level as published; a level that is a number of stars also in the reader's language."""
    if not level.label.endswith("星") or (get_language() or "zh").startswith("zh"):
        return level.label
    return ngettext("%(stars)s star", "%(stars)s stars", level.star) % {"stars": level.star}
