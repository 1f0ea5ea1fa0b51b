"""What lies on the shelves of a village and how it got there."""

from __future__ import annotations

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from marketplace.partner.models import StockRecord
from marketplace.partner.strategy import Points
from marketplace.rewards.models import StockMovement
from timebank.registry.models import Region


def stock_of(village: Region) -> QuerySet[StockRecord]:
    """Select the stocked goods of a village's suppliers with ``free``, ``shelf`` and ``promised``; scarcest first."""
    shelf, promised = Coalesce(F("num_in_stock"), 0), Coalesce(F("num_allocated"), 0)
    return (
        StockRecord.objects.filter(
            partner__village__path__startswith=village.path, product__product_class__track_stock=True
        )
        .select_related("partner__village", "partner__organisation", "product__product_class")
        .annotate(shelf=shelf, promised=promised, free=shelf - promised)
        .order_by("free", "product__title", "pk")
    )


def gone(strategy: Points, product_pk: int) -> StockRecord | None:
    """Return the stock record that serves a reader for a reward, if none of it is left; else None."""
    stocked = StockRecord.objects.filter(
        product=product_pk, product__is_public=True, product__product_class__track_stock=True
    )
    record = strategy.stockrecords(stocked.select_related("partner__village", "product")).first()
    return record if record is not None and record.net_stock_level <= 0 else None


def movements_of(stockrecord: StockRecord) -> QuerySet[StockMovement]:
    """Select the movements of a stock record, newest first."""
    return stockrecord.movements.select_related("actor", "ticket").order_by("-occurred_at", "-pk")
