"""Stock moves by these functions only: a guarded update and a movement that says who, when and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.funds.models import Batch
from marketplace.funds.services import goods
from marketplace.partner.models import StockRecord
from marketplace.rewards.errors import InvalidQuantity
from marketplace.rewards.models import StockMovement, Ticket
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.rewards.services import money
from marketplace.rewards.services.wishes import tell_restocked
from timebank.registry.models import User
from timebank.registry.rules import require
from timebank.registry.services import record_audit

Kind = StockMovement.Kind
#: Effect of one unit on (shelf, promised).
EFFECT = {
    Kind.RECEIPT: (1, 0),
    Kind.REDEEM: (0, 1),
    Kind.CANCEL: (0, -1),
    Kind.HAND_OVER: (-1, -1),
    Kind.UNDO: (1, 1),
    Kind.RETURN: (1, 0),
    Kind.WRITE_OFF: (-1, 0),
    Kind.OPENING: (1, 0),
    Kind.SENT: (-1, 0),
    Kind.ARRIVED: (1, 0),
    Kind.CAME_BACK: (1, 0),
}


def whole(quantity: int, *, least: int = 1) -> int:
    """Return a number of pieces; raises ``InvalidQuantity`` for what is none."""
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < least or quantity > 1_000_000:
        raise InvalidQuantity(field="quantity")
    return quantity


def movement(kind: str, stockrecord_id: int, quantity: int, **facts: object) -> StockMovement:
    """Describe a movement; the caller stores it in the transaction that changed the counters."""
    shelf, promised = EFFECT[Kind(kind)]
    return StockMovement(
        stockrecord_id=stockrecord_id,
        kind=kind,
        quantity=quantity,
        on_shelf=shelf * quantity,
        promised=promised * quantity,
        **facts,
    )


def move_for_tickets(
    kind: str, tickets: Sequence[Ticket], *, actor: User | None, now: dt.datetime, reason: str = ""
) -> None:
    """Cancel, consume or bring back the stock of ``tickets``, in (supplier, record) order."""
    stocked = sorted((t for t in tickets if t.is_stocked), key=lambda t: (t.partner_id, t.stockrecord_id, t.pk))
    if not stocked:
        return
    records = (
        StockRecord.objects.select_related("product__product_class", "product__parent__product_class")
        .filter(pk__in={ticket.stockrecord_id for ticket in stocked})
        .in_bulk()
    )
    for ticket in stocked:
        record = records[ticket.stockrecord_id]
        if kind == Kind.CANCEL:
            record.cancel_allocation(ticket.quantity)
        elif kind == Kind.HAND_OVER:
            record.consume_allocation(ticket.quantity)
        else:
            _restock(record, ticket.quantity, promised=kind == Kind.UNDO)
    moves = StockMovement.objects.bulk_create(
        [
            movement(kind, t.stockrecord_id, t.quantity, ticket=t, actor=actor, occurred_at=now, reason=reason)
            for t in stocked
        ]
    )
    money.follow_stock(kind, moves, actor=actor, now=now)
    if kind in {Kind.CANCEL, Kind.RETURN}:  # somebody else may have it now
        tell_restocked(records, now)


def _restock(record: StockRecord, quantity: int, *, promised: bool) -> None:
    """Put goods back on the shelf; ``promised``: to their ticket again, the exact reverse of consuming them."""
    StockRecord.objects.filter(pk=record.pk).update(
        num_in_stock=Coalesce(F("num_in_stock"), Value(0)) + quantity,
        num_allocated=Coalesce(F("num_allocated"), Value(0)) + (quantity if promised else 0),
    )


def return_pieces(ticket: Ticket, quantity: int, *, restock: bool, actor: User, now: dt.datetime, reason: str) -> None:
    """Bring back some pieces of a handed-over ticket: on the shelf again, or written off."""
    facts = {"ticket": ticket, "actor": actor, "occurred_at": now, "reason": reason}
    kinds = (Kind.RETURN,) if restock else (Kind.RETURN, Kind.WRITE_OFF)
    moves = StockMovement.objects.bulk_create(
        [movement(kind, ticket.stockrecord_id, quantity, **facts) for kind in kinds]
    )
    if restock:  # else the shelf stays as it is, and its value is gone since the hand-over
        _restock(StockRecord(pk=ticket.stockrecord_id), quantity, promised=False)
        money.follow_stock(Kind.RETURN, moves, actor=actor, now=now, keep=ticket.quantity - quantity)
        tell_restocked([ticket.stockrecord_id], now)


@transaction.atomic
def receive_stock(
    *,
    stockrecord: StockRecord,
    quantity: int,
    actor: User,
    cost_fen: int | None = None,
    batch: str = "",
    use_by: dt.date | None = None,
    reason: str = "",
    source: str = Batch.Source.BOUGHT,
    donor: str = "",
    reference: str = "",
    now: dt.datetime | None = None,
) -> StockMovement:
    """Put ``quantity`` new units on the shelf. ``cost_fen`` is the cost of all of them.

    What was given (``source`` "delivery") names its ``donor`` and ``reference``; it is valued later, by its evidence.
    """
    partner = stockrecord.partner
    require(actor, RECEIVE_STOCK, region=partner.village, organisation=partner.organisation)
    quantity = whole(quantity)
    StockRecord.objects.filter(pk=stockrecord.pk).update(
        num_in_stock=Coalesce(F("num_in_stock"), Value(0)) + quantity,
        num_allocated=Coalesce(F("num_allocated"), Value(0)),
    )
    made = movement(
        Kind.RECEIPT,
        stockrecord.pk,
        quantity,
        actor=actor,
        occurred_at=now or timezone.now(),
        reason=reason,
        batch=batch,
        use_by=use_by,
        cost_fen=cost_fen,
    )
    made.save()
    goods.stock_received(
        stockrecord=stockrecord,
        movement_id=made.pk,
        units=quantity,
        cost_fen=cost_fen,
        use_by=use_by,
        source=source,
        donor=donor,
        reference=reference,
        actor=actor,
        now=now,
    )
    stockrecord.refresh_from_db(fields=["num_in_stock", "num_allocated"])
    tell_restocked([stockrecord.pk], made.occurred_at)
    return made


@transaction.atomic
def set_threshold(
    *, stockrecord: StockRecord, threshold: int, actor: User, now: dt.datetime | None = None
) -> StockRecord:
    """Say from how few on of a thing the desk is warned. The same number again does nothing."""
    partner = stockrecord.partner
    require(actor, RECEIVE_STOCK, region=partner.village, organisation=partner.organisation)
    wanted = whole(threshold, least=0)
    locked = StockRecord.objects.select_for_update(no_key=True).get(pk=stockrecord.pk)
    before = locked.low_stock_threshold
    stockrecord.low_stock_threshold = wanted
    if before == wanted:
        return stockrecord
    stockrecord.save(update_fields=["low_stock_threshold"])
    record_audit(
        actor=actor,
        action="set_threshold",
        subject=f"stockrecord:{stockrecord.pk}",
        region=partner.village,
        facts={"from": before, "to": wanted},
        now=now,
    )
    return stockrecord
