"""A clock that a test sets: the whole server in this process reads it, the browser keeps its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.utils import timezone

_real_now: Callable[[], dt.datetime] = timezone.now
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock:
    """Goes on ticking from the moment that was set, so that short-lived codes still grow old."""

    def __init__(self, start: dt.datetime) -> None:
        self._offset = start - _real_now()

    def __call__(self) -> dt.datetime:
        return _real_now() + self._offset

    def set(self, moment: dt.datetime) -> None:
        """Let it be this moment now."""
        self._offset = moment - _real_now()

    def forward(self, **by: float) -> None:
        """Let time pass: ``forward(days=8)``."""
        self._offset += dt.timedelta(**by)


def at(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> dt.datetime:
    """Return a moment by the clock on the village square."""
    return dt.datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def install(start: dt.datetime) -> Clock:
    """Make ``django.utils.timezone.now`` tell this clock's time; ``remove()`` puts it back."""
    clock = Clock(start)
    timezone.now = clock
    return clock


def remove() -> None:
    """Let Django read the real clock again."""
    timezone.now = _real_now
