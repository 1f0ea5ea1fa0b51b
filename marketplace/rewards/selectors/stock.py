"""What lies on the shelves of a village and how it got there."""

from __future__ import annotations

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from marketplace.partner.models import Partner, StockRecord
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
    """Select the movements of a stock record with who did and who approved them, newest first."""
    rows = stockrecord.movements.select_related("actor", "ticket", "write_off__approved_by")
    return rows.order_by("-occurred_at", "-pk")


def uncounted(region: Region) -> QuerySet[StockRecord]:
    """Select the goods of a place's suppliers of which nothing was counted, received or handed out yet."""
    return (
        StockRecord.objects.filter(
            partner__village=region,
            partner__is_active=True,
            product__product_class__track_stock=True,
            movements__isnull=True,
        )
        .exclude(opening_lines__is_live=True)
        .select_related("partner__village", "partner__organisation", "product__product_class")
        .order_by("partner__name", "product__title", "pk")
    )


def targets_of(partner: Partner) -> QuerySet[Partner]:
    """Select the suppliers to whom goods may be sent: of the other villages of the same town."""
    town = partner.village.path[: -Region.steplen]
    rows = Partner.objects.filter(is_active=True, village__path__startswith=town, village__is_active=True)
    rows = rows.filter(village__level=Region.Level.VILLAGE).exclude(village=partner.village_id)
    return rows.select_related("village").order_by("village__path", "name", "pk")
