"""What the basket forgets by the clock."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from marketplace.basket.models import Basket
from timebank.common.sweeps import Sweep

KEPT = dt.timedelta(days=15)  # longer than any session, and only a session knows it


def _due(now: dt.datetime) -> QuerySet[Any]:
    left = Basket.objects.filter(owner=None, status=Basket.OPEN, date_created__lt=now - KEPT)
    return left.order_by("pk").values_list("pk", flat=True)


def _forget(keys: list[int], _now: dt.datetime) -> None:
    Basket.objects.filter(pk__in=keys, owner=None, status=Basket.OPEN).delete()


SWEEPS = [
    Sweep(
        name="forget baskets of ended sessions",
        due=_due,
        handle=lambda key, now: _forget([key], now),
        handle_batch=_forget,
        every=24 * 60 * 60,
    )
]
