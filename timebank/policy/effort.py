"""How long somebody works for so many points under a scheme. Pure.

Reckoned as somebody with nothing yet works: an hour a day from New Year on. Published tables differ so much in shape
(steps, blocks, limits a day) that only such a walk compares them.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from functools import lru_cache

from timebank.policy.engine import Fact, Past, Scheme, quote

STEP = 60  # minutes of one day
MOST = 200  # days; more than 200 hours a year for one reward is no price
DEED = "clean"


@lru_cache(maxsize=64)
def curve(scheme: Scheme, year: int) -> tuple[int, ...]:
    """Return the points in all (1/100) after 1, 2, … ``MOST`` hours of common service in a year."""
    history: list[Past] = []
    totals: list[int] = []
    for number in range(MOST):
        day = dt.date(year, 1, 1) + dt.timedelta(days=number)
        result = quote(scheme, history, Fact(DEED, day, minutes=STEP))
        earned = result.points if result.earns == "points" else 0
        history.append(Past(DEED, day, STEP, points=earned, rule=result.rule))
        totals.append((totals[-1] if totals else 0) + earned)
    return tuple(totals)


def minutes_for(scheme: Scheme, points: int, year: int) -> int | None:
    """Return the minutes of service that bring ``points`` (1/100), in whole hours; None if 200 hours do not."""
    if points <= 0:
        return 0
    position = bisect_left(curve(scheme, year), points)
    return (position + 1) * STEP if position < MOST else None
