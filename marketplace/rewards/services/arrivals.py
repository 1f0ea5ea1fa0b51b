"""Put on the shelf what came from another village, batch by batch at the value with which it left."""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.db.models.functions import Coalesce

from marketplace.funds.models import Batch, BatchUse
from marketplace.funds.services import goods
from marketplace.partner.models import StockRecord
from marketplace.rewards.models import StockMovement, StockTransfer
from marketplace.rewards.services.stock import movement
from marketplace.rewards.services.wishes import tell_restocked
from timebank.registry.models import User

Kind = StockMovement.Kind


def shelve_arrived(
    transfer: StockTransfer, record: StockRecord, units: int, *, after: int = 0, actor: User, now: dt.datetime
) -> None:
    """Put ``units`` of a sending on a locked record; ``after``: so many of it were counted before these."""
    if not units:
        return
    StockRecord.objects.filter(pk=record.pk).update(
        num_in_stock=Coalesce(F("num_in_stock"), 0) + units, num_allocated=Coalesce(F("num_allocated"), 0)
    )
    source = transfer.stockrecord.partner
    reason = f"← {source.village.short_name} · {source.name}"[:200]
    left, before = units, after
    uses = BatchUse.objects.filter(movement_id=transfer.movement_id).select_related("batch").order_by("pk")
    for use in uses:
        first = min(before, use.units)
        before -= first
        taken = min(left, use.units - first)
        if not taken:
            continue
        left -= taken
        fen = use.fen * (first + taken) // use.units - use.fen * first // use.units
        move = movement(
            Kind.ARRIVED,
            record.pk,
            taken,
            actor=actor,
            occurred_at=now,
            reason=reason,
            use_by=use.batch.use_by,
            cost_fen=fen or None,
        )
        move.save()
        goods.stock_received(
            stockrecord=record,
            movement_id=move.pk,
            units=taken,
            cost_fen=fen,
            use_by=use.batch.use_by,
            source=Batch.Source.MOVED,
            donor=use.batch.donor,
            reference=use.batch.reference,
            valued=use.batch.valued_at is not None,
            actor=actor,
            now=now,
        )
    if left:  # what no batch knew, and what nobody sent
        move = movement(Kind.ARRIVED, record.pk, left, actor=actor, occurred_at=now, reason=reason)
        move.save()
        goods.stock_received(
            stockrecord=record, movement_id=move.pk, units=left, source=Batch.Source.COUNT, actor=actor, now=now
        )
    tell_restocked([record.pk], now)
