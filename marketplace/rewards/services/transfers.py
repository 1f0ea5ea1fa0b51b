"""Stock from one village to another: sent by one keeper, counted by another; value and donor travel with the batch.

The sending takes it off the shelf and out of the books of the first village, the count brings what really came into
those of the second. What is missing then is asked for as lost, and another person decides.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from marketplace.funds.models import AgreedPrice
from marketplace.funds.services import goods
from marketplace.funds.services.goods import Moved
from marketplace.funds.services.promising import price_on
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards import errors
from marketplace.rewards.models import StockMovement, StockTransfer
from marketplace.rewards.rules import ADJUST_STOCK, RECEIVE_STOCK
from marketplace.rewards.selectors.stock import targets_of
from marketplace.rewards.services.adjusting import ask_lost
from marketplace.rewards.services.arrivals import shelve_arrived
from marketplace.rewards.services.listing import Item, Wanted, put_on_shelves
from marketplace.rewards.services.stock import movement, whole
from marketplace.rewards.services.wishes import tell_restocked
from timebank.common.events import emit
from timebank.common.input import clean_text
from timebank.registry.models import Region, User
from timebank.registry.rules import require
from timebank.registry.selectors import holders_of
from timebank.registry.services import record_audit

Kind = StockMovement.Kind
State = StockTransfer.State


@transaction.atomic
def send_stock(
    *,
    stockrecord: StockRecord,
    target: Partner,
    quantity: int,
    actor: User,
    note: str = "",
    now: dt.datetime | None = None,
) -> StockTransfer:
    """Take goods off the shelf and send them to another village's supplier. What is promised can't be sent."""
    partner = stockrecord.partner
    require(actor, ADJUST_STOCK, region=partner.village, organisation=partner.organisation)
    now = now or timezone.now()
    quantity = whole(quantity)
    if partner.village.level != Region.Level.VILLAGE or not targets_of(partner).filter(pk=target.pk).exists():
        raise errors.WrongTarget(field="target")
    if AgreedPrice.objects.filter(price_on(timezone.localdate(now)), stockrecord=stockrecord, fen__gt=0).exists():
        raise errors.SupplierOwns(field="quantity")
    record = StockRecord.objects.select_for_update(no_key=True).get(pk=stockrecord.pk)
    shelf, promised = record.num_in_stock or 0, record.num_allocated or 0
    if shelf - quantity < promised:
        raise errors.StockTooLow(field="quantity", free=shelf - promised, promised=promised)
    StockRecord.objects.filter(pk=record.pk).update(num_in_stock=shelf - quantity)
    reason = f"→ {target.village.short_name} · {target.name}"
    move = movement(Kind.SENT, record.pk, quantity, actor=actor, occurred_at=now, reason=reason[:200])
    move.save()
    goods.stock_left(moved=[Moved(move.pk, record.pk, partner.pk, quantity)], actor=actor)
    made = StockTransfer.objects.create(
        stockrecord=record,
        target=target,
        quantity=quantity,
        note=clean_text(note)[:200],
        sent_by=actor,
        sent_at=now,
        movement=move,
    )
    _tell("stock_sent", made, partner, target, actor, now)
    _audit("send_stock", made, partner.village, actor, now, quantity=quantity)
    return made


def _lock(transfer: StockTransfer) -> StockTransfer:
    """Lock a sending that is on its way: it is counted, or taken back, once."""
    row = StockTransfer.objects.select_for_update(of=("self",), no_key=True).get(pk=transfer.pk)
    if row.state != State.SENT:
        raise errors.TransferClosed
    return row


@transaction.atomic
def receive_transfer(
    *, transfer: StockTransfer, counted: int, actor: User, difference: str = "", now: dt.datetime | None = None
) -> StockTransfer:
    """Count what arrived, by another person than who sent it: it lies on the shelf, each batch at its own value.

    More than was sent is worth nothing until somebody says why; what is missing is lost once a third person approves it
    (``WriteOff``), else it comes to the shelf that counted it.
    """
    now = now or timezone.now()
    target = Partner.objects.select_related("village", "organisation").get(pk=transfer.target_id)
    require(actor, RECEIVE_STOCK, region=target.village, organisation=target.organisation)
    row = _lock(transfer)
    if row.sent_by_id == actor.pk:
        raise errors.BothEnds
    counted = whole(counted, least=0)
    difference = clean_text(difference)[:200]
    if counted != row.quantity and not difference:
        raise errors.DifferenceUnexplained(field="difference")
    source = StockRecord.objects.select_related("partner__village", "product__product_class").get(pk=row.stockrecord_id)
    record = _shelf_of(target, source, actor, now)
    record = StockRecord.objects.select_for_update(of=("self",), no_key=True).get(pk=record.pk)
    shelve_arrived(row, record, counted, actor=actor, now=now)
    row.state, row.closed_by, row.closed_at = State.RECEIVED, actor, now
    row.counted, row.difference, row.arrived_at = counted, difference, record
    row.save(update_fields=["state", "closed_by", "closed_at", "counted", "difference", "arrived_at"])
    _audit("receive_transfer", row, target.village, actor, now, sent=row.quantity, counted=counted)
    if counted < row.quantity:
        ask_lost(row, record, row.quantity - counted, actor=actor, now=now)
    return row


def _shelf_of(target: Partner, source: StockRecord, actor: User, now: dt.datetime) -> StockRecord:
    """Return the place of these goods on the target's shelf, made (without a price) if there is none yet."""
    standing = StockRecord.objects.filter(partner=target, product=source.product_id).first()
    if standing is not None:
        return standing
    (made,) = put_on_shelves(wanted=[Wanted(target, Item(product=source.product))], actor=actor, now=now)
    return made or StockRecord.objects.get(partner=target, product=source.product_id)


@transaction.atomic
def cancel_transfer(*, transfer: StockTransfer, actor: User, now: dt.datetime | None = None) -> StockTransfer:
    """Take a sending back before it has arrived: goods and value lie where they lay."""
    now = now or timezone.now()
    source = StockRecord.objects.select_related("partner__village", "partner__organisation").get(
        pk=transfer.stockrecord_id
    )
    require(actor, ADJUST_STOCK, region=source.partner.village, organisation=source.partner.organisation)
    row = _lock(transfer)
    StockRecord.objects.filter(pk=source.pk).update(num_in_stock=F("num_in_stock") + row.quantity)
    move = movement(Kind.CAME_BACK, source.pk, row.quantity, actor=actor, occurred_at=now)
    move.save()
    goods.stock_back(movement_id=move.pk, taken_by=row.movement_id, actor=actor, now=now)
    row.state, row.closed_by, row.closed_at = State.CANCELLED, actor, now
    row.save(update_fields=["state", "closed_by", "closed_at"])
    _tell("stock_taken_back", row, source.partner, row.target, actor, now)
    _audit("cancel_transfer", row, source.partner.village, actor, now, quantity=row.quantity)
    tell_restocked([source.pk], now)
    return row


def _tell(kind: str, row: StockTransfer, source: Partner, target: Partner, actor: User, now: dt.datetime) -> None:
    """Tell who receives stock in the other village; never who did it."""
    told = [user for user in holders_of(RECEIVE_STOCK, target.village) if user != f"user:{actor.pk}"]
    if told:
        facts = {"what": row.stockrecord.product.get_title(), "quantity": row.quantity, "place": str(source.village)}
        emit(kind, subject=row, recipients=told, region=target.village, facts=facts, occurred_at=now)


def _audit(action: str, row: StockTransfer, region: Region, actor: User, now: dt.datetime, **facts: int) -> None:
    record_audit(actor=actor, action=action, subject=f"stock_transfer:{row.pk}", region=region, facts=facts, now=now)
