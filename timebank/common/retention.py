"""What the common mechanisms do by the clock: deliver events, and forget what was kept long enough."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Model, Q

from timebank.common import events, idempotency, limits
from timebank.common.models import Attempt, Event, IdempotencyKey, SweepFailure
from timebank.common.sweeps import Sweep

DAY = 24 * 60 * 60
RESOLVED_KEPT = dt.timedelta(days=90)


def _forget(name: str, model: type[Model], field: str, kept: dt.timedelta) -> Sweep:
    """Return a sweep that deletes the rows whose day is long past."""

    def due(now: dt.datetime) -> Any:
        rows = model._default_manager.filter(Q(**{f"{field}__lt": now - kept}))
        return rows.order_by("pk").values_list("pk", flat=True)

    def forget(keys: list[int], _now: dt.datetime) -> None:
        model._default_manager.filter(pk__in=keys).delete()

    return Sweep(
        name=name, due=due, handle=lambda key, now: forget([key], now), handle_batch=forget, every=DAY, most=50_000
    )


SWEEPS = [
    events.DELIVER,
    _forget("forget events", Event, "delivered_at", events.KEPT),
    _forget("forget once-only keys", IdempotencyKey, "created_at", idempotency.KEPT),
    _forget("forget attempts", Attempt, "window", limits.KEPT),
    _forget("forget resolved failures", SweepFailure, "resolved_at", RESOLVED_KEPT),
]
