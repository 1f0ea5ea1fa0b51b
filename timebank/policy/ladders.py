"""Star and letter ladders: which level a score reaches. Pure.

Scores are integers in 1/100, of points or of hours. Published ladders differ in their ends: Wendeng's stars are
half-open "(low, high]", its letters are closed integer bands that say nothing of 1049.5. Such a gap is ``UNDEFINED``
until the scheme chooses, which its approval requires.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ends(StrEnum):
    """How a band's two ends count."""

    OPEN_CLOSED = "(lo,hi]"
    CLOSED = "[lo,hi] integers"
    AT_LEAST = ">="


class Gap(StrEnum):
    """What a score between two bands means: nothing published, or the scheme's own choice."""

    UNDEFINED = "undefined"
    LOWER = "lower"
    UPPER = "upper"


class Counts(StrEnum):
    """What a ladder counts: points of the year with its base, or hours of a whole life."""

    POINTS = "points"
    HOURS = "hours"


UNDEFINED = "UNDEFINED"


@dataclass(frozen=True)
class Level:
    """One level; ``low``/``high`` in 1/100, None is without end. ``star`` orders levels, the highest is best."""

    label: str
    low: int | None
    high: int | None
    star: int = 0
    discount_percent: int = 0


@dataclass(frozen=True)
class Ladder:
    """Levels from the highest to the lowest."""

    code: str
    ends: Ends
    levels: tuple[Level, ...]
    base: int = 0
    gap: Gap = Gap.UNDEFINED
    counts: Counts = Counts.POINTS


def gaps(ladder: Ladder) -> list[tuple[Level, Level]]:
    """Return the neighbouring levels (upper, lower) between which the published text leaves scores undefined."""
    return [
        (upper, lower)
        for upper, lower in zip(ladder.levels, ladder.levels[1:], strict=False)
        if lower.high is not None and upper.low is not None and lower.high < upper.low
    ]


def level_of(ladder: Ladder, score: int) -> Level | None:
    """Return the level that ``score`` (1/100) reaches, or None where the published text does not say."""
    for position, level in enumerate(ladder.levels):
        if _inside(ladder.ends, level, score):
            return level
        following = ladder.levels[position + 1] if position + 1 < len(ladder.levels) else None
        in_gap = (
            following is not None
            and following.high is not None
            and level.low is not None
            and following.high < score
            and (score < level.low or (score == level.low and ladder.ends is Ends.OPEN_CLOSED))
        )
        if in_gap and ladder.gap is not Gap.UNDEFINED:
            return following if ladder.gap is Gap.LOWER else level
    return None


def _inside(ends: Ends, level: Level, score: int) -> bool:
    if ends is Ends.OPEN_CLOSED:
        return (level.low is None or score > level.low) and (level.high is None or score <= level.high)
    if ends is Ends.AT_LEAST:
        return level.low is None or score >= level.low
    return (level.low is None or score >= level.low) and (level.high is None or score <= level.high)


def next_level(ladder: Ladder, score: int) -> tuple[Level, int] | None:
    """Return the next better level and how many 1/100 are missing to it, or None at the top."""
    for level in reversed(ladder.levels):
        if level.low is None:
            continue
        missing = level.low - score + (1 if ladder.ends is Ends.OPEN_CLOSED else 0)
        if missing > 0:
            return level, missing
    return None
