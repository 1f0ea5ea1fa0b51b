"""Sums over much history are worked out by a sweep and kept: a page reads one row, however large the county grows.

An app names a ``Figure`` and declares ``sweep_of(figure)`` among its sweeps. Only what somebody has asked for once is
kept; the first who asks waits for it. A reader is told how old the figure is and shows it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from timebank.common.models import KeptFigure
from timebank.common.sweeps import Sweep

MINUTE = 60


@dataclass(frozen=True)
class Kept:
    """What was kept, and from when."""

    value: Any
    computed_at: dt.datetime


@dataclass(frozen=True)
class Figure:
    """A kept sum: ``compute(scope)`` gives what JSON can hold; ``every`` in seconds: how old it may grow.

    ``still_true(scope, kept, now)`` may spare the sweep the work where nothing can have changed.
    """

    name: str
    compute: Callable[[str], Any]
    every: int = 15 * MINUTE
    still_true: Callable[[str, Kept, dt.datetime], bool] | None = None


def read(figure: Figure, scope: str = "") -> Kept:
    """Return a kept figure; work it out if nobody has asked for it yet."""
    kept = KeptFigure.objects.filter(name=figure.name, scope=scope).values_list("value", "computed_at").first()
    return Kept(*kept) if kept else refresh(figure, scope)


def refresh(figure: Figure, scope: str = "", now: dt.datetime | None = None) -> Kept:
    """Work a figure out anew and keep it."""
    fresh = Kept(figure.compute(scope), now or timezone.now())
    values = {"value": fresh.value, "computed_at": fresh.computed_at}
    KeptFigure.objects.update_or_create(name=figure.name, scope=scope, defaults=values)
    return fresh


def sweep_of(figure: Figure) -> Sweep:
    """Return the sweep that keeps a figure young: one row for each place that was ever asked for."""

    def due(now: dt.datetime) -> Any:
        old = KeptFigure.objects.filter(
            name=figure.name, computed_at__lte=now - dt.timedelta(seconds=figure.every)
        ).order_by("computed_at")
        return old.values_list("scope", flat=True)

    def handle(scope: str, now: dt.datetime) -> None:
        if figure.still_true is None or not figure.still_true(scope, read(figure, scope), now):
            refresh(figure, scope, now)

    return Sweep(
        name=f"figure {figure.name}",
        due=due,
        handle=handle,
        every=figure.every,
        read_key=str,
    )
