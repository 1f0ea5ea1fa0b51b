"""Write down how far funds cover their points."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from marketplace.funds.models import CoverageSnapshot, Fund
from marketplace.funds.selectors.coverage import figures_of


def take_snapshot(*, fund: Fund, now: dt.datetime | None = None) -> CoverageSnapshot:
    """Compute the cover of ``fund`` and keep it."""
    now = now or timezone.now()
    figures = figures_of(fund, on=timezone.localdate(now))
    return CoverageSnapshot.objects.create(
        fund=fund,
        taken_at=now,
        free_fen=figures.free,
        shortfall_fen=figures.shortfall,
        purposes_fen=figures.purposes,
        stock_fen=figures.stock,
        gifts_fen=figures.gifts,
        commitments_fen=figures.commitments,
        earmarked_fen=figures.earmarked,
        cover_fen=figures.cover,
        points=figures.points,
        liability_fen=figures.liability,
        expiring_points=figures.expiring,
        bp=figures.bp,
    )


def take_snapshots(*, now: dt.datetime | None = None) -> int:
    """Take a snapshot of every fund, and forget those between of older days: one a day is enough for the history."""
    now = now or timezone.now()
    funds = list(Fund.objects.select_related("region").order_by("pk"))
    for fund in funds:
        take_snapshot(fund=fund, now=now)
    thin_out(before=now - dt.timedelta(days=2))
    return len(funds)


def thin_out(*, before: dt.datetime) -> int:
    """Keep the last snapshot of each day before ``before``."""
    keep: dict[tuple[int, dt.date], int] = {}
    rows = CoverageSnapshot.objects.filter(taken_at__lt=before).order_by("taken_at", "pk")
    ids = []
    for pk, fund, now in rows.values_list("pk", "fund_id", "taken_at"):
        ids.append(pk)
        keep[fund, timezone.localdate(now)] = pk
    gone = set(ids) - set(keep.values())
    for start in range(0, len(gone), 500):
        CoverageSnapshot.objects.filter(pk__in=sorted(gone)[start : start + 500]).delete()
    return len(gone)
