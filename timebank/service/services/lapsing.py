"""Tell people in time that points of theirs end: 60, 30 and 7 days before, each once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from timebank.common import events
from timebank.common.sweeps import Sweep, forget
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Resident
from timebank.service.models import LapseWarning

DAYS = (7, 30, 60)
WALLET = "wallet:resident:"
KEPT = dt.timedelta(days=365)


def _unwarned(today: dt.date, days: int) -> QuerySet[Any, dict[str, Any]]:
    """Select what ends within so many days, but not within the next shorter step, and was not told at this step."""
    nearer = max((other for other in DAYS if other < days), default=-1)
    first, last = today + dt.timedelta(days=nearer + 1), today + dt.timedelta(days=days)
    told = LapseWarning.objects.filter(wallet=OuterRef("account__key"), expires_on=OuterRef("expires_on"), days=days)
    return ledger_read.lapsing(WALLET, first=first, last=last).filter(~Exists(told))


def _due(now: dt.datetime) -> Iterator[int]:
    today = timezone.localdate(now)
    for days in DAYS:
        rows = _unwarned(today, days).order_by("account__key").values_list("account__key", flat=True)
        yield from (int(key.removeprefix(WALLET)) for key in rows.iterator(chunk_size=2000))


def _warn(people: list[int], now: dt.datetime) -> None:
    """Write down that these people are told, and say it: one event for each step, whatever their number."""
    today = timezone.localdate(now)
    # Their rows are the gate: a second worker waits here and then finds nothing left to tell.
    list(Resident.objects.select_for_update(of=("self",)).filter(pk__in=people).order_by("pk").values_list("pk"))
    wallets = [f"{WALLET}{pk}" for pk in people]
    for days in DAYS:
        each: dict[str, dict[str, Any]] = {}
        warned = []
        lots = defaultdict(list)
        for row in _unwarned(today, days).filter(account__key__in=wallets).order_by("expires_on"):
            lots[row["account__key"]].append(row)
        for wallet, rows in lots.items():
            warned += [
                LapseWarning(wallet=wallet, expires_on=row["expires_on"], days=days, warned_at=now) for row in rows
            ]
            each[f"resident:{wallet.removeprefix(WALLET)}"] = {
                "points": sum(row["points"] for row in rows),
                "expires_on": rows[0]["expires_on"].isoformat(),
            }
        if each:
            LapseWarning.objects.bulk_create(warned, batch_size=500)
            events.emit("points_lapsing", recipients=sorted(each), facts={"days": days, "each": each}, occurred_at=now)


WARN = Sweep(
    "tell of points that end",
    due=_due,
    handle=lambda pk, now: _warn([pk], now),
    handle_batch=_warn,
    every=6 * 60 * 60,
    most=50_000,
)
FORGET = forget(
    "forget old warnings", lambda now: LapseWarning.objects.filter(expires_on__lt=timezone.localdate(now) - KEPT)
)
