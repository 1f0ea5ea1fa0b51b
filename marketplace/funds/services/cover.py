"""Write down how far funds cover their points."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from marketplace.funds.models import CoverageSnapshot, Fund
from marketplace.funds.selectors.coverage import figures_of
from timebank.common.batches import batched
from timebank.common.sweeps import Sweep


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


def _cover(pk: int, now: dt.datetime) -> None:
    """Take a snapshot of a fund, and forget those between of older days: one a day is enough for the history."""
    fund = Fund.objects.select_related("region").get(pk=pk)
    take_snapshot(fund=fund, now=now)
    thin_out(fund=fund, before=now - dt.timedelta(days=2))


COVER = Sweep(
    "cover of funds",
    due=lambda _now: Fund.objects.order_by("pk").values_list("pk", flat=True),
    handle=_cover,
    every=5 * 60,
)


def thin_out(*, fund: Fund, before: dt.datetime) -> int:
    """Keep the last snapshot of each day before ``before``; return how many are gone."""
    keep: dict[dt.date, int] = {}
    rows = CoverageSnapshot.objects.filter(fund=fund, taken_at__lt=before).order_by("taken_at", "pk")
    ids = []
    for pk, taken_at in rows.values_list("pk", "taken_at"):
        ids.append(pk)
        keep[timezone.localdate(taken_at)] = pk
    gone = sorted(set(ids) - set(keep.values()))
    for part in batched(gone):
        CoverageSnapshot.objects.filter(pk__in=part).delete()
    return len(gone)
