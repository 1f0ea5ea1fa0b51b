"""What the common mechanisms do by the clock: deliver events, and forget what was kept long enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import Model, Q, QuerySet

from timebank.common import events, idempotency, limits
from timebank.common.models import Attempt, Event, IdempotencyKey, SweepFailure
from timebank.common.sweeps import forget

RESOLVED_KEPT = dt.timedelta(days=90)


def _old(model: type[Model], field: str, kept: dt.timedelta) -> Callable[[dt.datetime], QuerySet[Any]]:
    return lambda now: model._default_manager.filter(Q(**{f"{field}__lt": now - kept}))


SWEEPS = [
    events.DELIVER,
    forget("forget events", _old(Event, "delivered_at", events.KEPT)),
    forget("forget once-only keys", _old(IdempotencyKey, "created_at", idempotency.KEPT)),
    forget("forget attempts", _old(Attempt, "window", limits.KEPT)),
    forget("forget resolved failures", _old(SweepFailure, "resolved_at", RESOLVED_KEPT)),
]
