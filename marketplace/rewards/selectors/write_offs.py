"""Pieces that are asked to be written off, and how it was decided."""

from __future__ import annotations

from django.db.models import Case, QuerySet, When

from marketplace.partner.models import StockRecord
from marketplace.rewards.models import WriteOff
from timebank.registry.models import Region

OPEN = WriteOff.State.PREPARED


def write_offs_in(region: Region) -> QuerySet[WriteOff]:
    """Select the write-offs of a place and all below it: what waits first, then the latest."""
    rows = WriteOff.objects.filter(stockrecord__partner__village__path__startswith=region.path).select_related(
        "stockrecord__product__product_class", "stockrecord__partner__village", "prepared_by", "approved_by"
    )
    return rows.order_by(Case(When(state=OPEN, then=0), default=1), "-prepared_at", "-pk")


def waiting_of(stockrecord: StockRecord) -> QuerySet[WriteOff]:
    """Select the write-offs of a stock record that wait for a second person."""
    return stockrecord.write_offs.filter(state=OPEN).select_related("prepared_by").order_by("pk")
