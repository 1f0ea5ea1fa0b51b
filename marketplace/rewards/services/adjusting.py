"""Count what lies there and write off what is gone: fewer pieces are asked by one person and decided by another.

Who could lower stock alone could carry it home. The table of movements refuses it too (``movement_lowered_by_two``).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from marketplace.funds.services import goods
from marketplace.partner.models import StockRecord
from marketplace.rewards import errors
from marketplace.rewards.models import StockMovement, StockTransfer, WriteOff
from marketplace.rewards.rules import ADJUST_STOCK, CONFIRM_COUNT
from marketplace.rewards.services.arrivals import shelve_arrived
from marketplace.rewards.services.asking import decide_asked, lock_asked, withdraw_asked
from marketplace.rewards.services.stock import whole
from marketplace.rewards.services.wishes import tell_restocked
from timebank.common.errors import ReasonMissing
from timebank.common.events import emit
from timebank.common.input import clean_text
from timebank.registry.interests import is_other_person, other_person
from timebank.registry.models import Region, User
from timebank.registry.rules import require
from timebank.registry.selectors import nearest_holders
from timebank.registry.services import record_audit

Kind = StockMovement.Kind
Asked = WriteOff.Kind
#: How goods come to a shelf other than by a ticket.
INCOMING = (Kind.RECEIPT, Kind.OPENING, Kind.COUNT, Kind.ARRIVED, Kind.CAME_BACK)


@transaction.atomic
def adjust_stock(
    *,
    stockrecord: StockRecord,
    quantity: int,
    actor: User,
    reason: str,
    kind: str = Kind.COUNT,
    now: dt.datetime | None = None,
) -> StockMovement | WriteOff | None:
    """State how many were counted (kind ``count``), or how many broke or spoiled (``write_off``).

    More are on the shelf at once; of fewer nothing moves before another person approves the ``WriteOff`` that is
    returned; a count that agrees returns None. Raises ``StockTooLow`` for what is promised, ``WriteOffAsked``.
    """
    now = now or timezone.now()
    partner = stockrecord.partner
    require(actor, ADJUST_STOCK, region=partner.village, organisation=partner.organisation)
    reason = clean_text(reason, lines=True)[:200]
    if not reason:
        raise ReasonMissing(field="reason")
    if kind not in {Kind.COUNT, Kind.WRITE_OFF}:
        raise errors.InvalidQuantity(field="kind")
    quantity = whole(quantity, least=0 if kind == Kind.COUNT else 1)
    record = _lock_record(stockrecord.pk)
    shelf = record.num_in_stock or 0
    change = quantity - shelf if kind == Kind.COUNT else -quantity
    if change < 0:
        return _ask(record, kind, -change, actor=actor, reason=reason, now=now)
    if change == 0:
        return None
    made = _move(record, change, kind=kind, actor=actor, reason=reason, now=now)
    stockrecord.refresh_from_db(fields=["num_in_stock", "num_allocated"])
    tell_restocked([record.pk], now)
    return made


def _lock_record(pk: int) -> StockRecord:
    rows = StockRecord.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("partner__village", "product__product_class").get(pk=pk)


def _require_free(record: StockRecord, missing: int) -> None:
    """Refuse to take away what is promised to tickets."""
    shelf, promised = record.num_in_stock or 0, record.num_allocated or 0
    if shelf - missing < promised:
        raise errors.StockTooLow(field="quantity", free=shelf - promised, promised=promised)


def _ask(record: StockRecord, kind: str, missing: int, *, actor: User, reason: str, now: dt.datetime) -> WriteOff:
    _require_free(record, missing)
    if record.write_offs.filter(state=WriteOff.State.PREPARED, transfer__isnull=True).exists():
        raise errors.WriteOffAsked(field="quantity")
    made = WriteOff.objects.create(
        stockrecord=record, kind=kind, missing=missing, reason=reason, prepared_by=actor, prepared_at=now
    )
    _audit("ask_write_off", made, record, actor, now, reason=reason)
    _tell_deciders(made, record, now)
    return made


def ask_lost(transfer: StockTransfer, record: StockRecord, missing: int, *, actor: User, now: dt.datetime) -> WriteOff:
    """Ask for what did not arrive of a sending, in the transaction that counted it; its reason is the difference."""
    made = WriteOff.objects.create(
        stockrecord=record,
        kind=Asked.LOST,
        missing=missing,
        reason=transfer.difference,
        transfer=transfer,
        prepared_by=actor,
        prepared_at=now,
    )
    _audit("ask_write_off", made, record, actor, now, reason=made.reason)
    _tell_deciders(made, record, now)
    return made


@transaction.atomic
def withdraw_write_off(*, asked: WriteOff, actor: User, reason: str, now: dt.datetime | None = None) -> WriteOff:
    """Take a request back before anybody has decided it; only who asked can, with a reason."""
    now = now or timezone.now()
    record = _lock_record(asked.stockrecord_id)
    row = lock_asked(WriteOff, asked.pk)
    reason = clean_text(reason, lines=True)[:200]
    if not reason:
        raise ReasonMissing(field="reason")
    withdraw_asked(row, actor=actor, reason=reason)
    _put_back(row, record, actor, now)
    _audit("withdraw_write_off", row, record, actor, now, reason=reason)
    return row


@transaction.atomic
def decide_write_off(
    *, asked: WriteOff, actor: User, approve: bool, reason: str = "", now: dt.datetime | None = None
) -> WriteOff:
    """Take the pieces off the books, or decline with a reason: by who neither asked nor brought them in.

    If too few are left that are not promised by now, it is refused (``StockTooLow``) and goes on waiting.
    """
    now = now or timezone.now()
    record = _lock_record(asked.stockrecord_id)
    row = lock_asked(WriteOff, asked.pk)
    require(actor, CONFIRM_COUNT, region=record.partner.village)
    other_person(actor, *hands_on(row))
    decide_asked(row, actor=actor, approve=approve, reason=reason, now=now)
    if not approve:
        _put_back(row, record, actor, now)
    elif row.kind != Asked.LOST:  # what was lost on the way lies on no shelf any more
        _require_free(record, row.missing)
        _move(record, -row.missing, kind=row.kind, actor=row.prepared_by, reason=row.reason, now=now, write_off=row)
    _audit("approve_write_off" if approve else "decline_write_off", row, record, actor, now, reason=row.decision_reason)
    _tell("write_off_approved" if approve else "write_off_declined", row, record, [row.prepared_by], now)
    return row


def deciders_of(asked: WriteOff, village: Region) -> list[User]:
    """List who may decide a write-off, at the nearest place where somebody may."""
    hands = hands_on(asked)
    return nearest_holders(CONFIRM_COUNT, village, may=lambda user: is_other_person(user, *hands))


def _tell_deciders(row: WriteOff, record: StockRecord, now: dt.datetime) -> None:
    _tell("write_off_asked", row, record, deciders_of(row, record.partner.village), now)


def _tell(kind: str, row: WriteOff, record: StockRecord, told: list[User], now: dt.datetime) -> None:
    emit(
        kind,
        subject=row,
        recipients=told,
        region=record.partner.village,
        facts={
            "name": row.prepared_by.name,
            "what": record.product.get_title(),
            "quantity": row.missing,
            "place": str(record.partner),
            "reason": row.decision_reason or row.reason,
        },
        occurred_at=now,
    )


def hands_on(asked: WriteOff) -> set[int | None]:
    """Return who asked, who brought the pieces in last, and who sent them: none of them decides."""
    incoming = StockMovement.objects.filter(stockrecord=asked.stockrecord_id, kind__in=INCOMING, on_shelf__gt=0)
    last = incoming.order_by("-occurred_at", "-pk").values_list("actor_id", flat=True).first()
    sender = asked.transfer.sent_by_id if asked.transfer is not None else None
    return {asked.prepared_by_id, last, sender}


def _put_back(row: WriteOff, record: StockRecord, actor: User, now: dt.datetime) -> None:
    """Let what is not lost lie on the shelf: of goods on their way the keeper who counted answers for it."""
    if row.transfer is not None:
        shelve_arrived(row.transfer, record, row.missing, after=row.transfer.counted or 0, actor=actor, now=now)


def _move(
    record: StockRecord,
    change: int,
    *,
    kind: str,
    actor: User,
    reason: str,
    now: dt.datetime,
    write_off: WriteOff | None = None,
) -> StockMovement:
    """Change a locked record and write the movement; its value follows."""
    StockRecord.objects.filter(pk=record.pk).update(num_in_stock=(record.num_in_stock or 0) + change)
    made = StockMovement.objects.create(
        stockrecord=record,
        kind=kind,
        quantity=abs(change),
        on_shelf=change,
        actor=actor,
        occurred_at=now,
        reason=reason,
        write_off=write_off,
    )
    goods.stock_counted(stockrecord=record, movement_id=made.pk, change=change, actor=actor, now=now)
    return made


def _audit(action: str, row: WriteOff, record: StockRecord, actor: User, now: dt.datetime, *, reason: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"write_off:{row.pk}",
        region=record.partner.village,
        reason=reason,
        facts={"quantity": row.missing},
        now=now,
    )
