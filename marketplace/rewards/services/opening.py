"""What lay on the shelves when a village began: counted by one person, confirmed by another, then it is in stock.

It is no gain: it comes with a kind of its own, and is worth nothing until the fund keeper values it by evidence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.funds.models import Batch
from marketplace.funds.models.base import Decision
from marketplace.funds.services import goods
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards import errors
from marketplace.rewards.models import OpeningCount, OpeningCountLine, StockMovement
from marketplace.rewards.rules import ADJUST_STOCK, CONFIRM_COUNT
from marketplace.rewards.services.stock import movement
from marketplace.rewards.services.wishes import tell_restocked
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.registry.interests import other_person
from timebank.registry.models import User
from timebank.registry.rules import require
from timebank.registry.services import record_audit


@transaction.atomic
def count_opening(
    *,
    partner: Partner,
    counted: Sequence[tuple[StockRecord, int]],
    counted_on: dt.date,
    actor: User,
    paper: str = "",
    now: dt.datetime | None = None,
) -> OpeningCount:
    """Write down how many of each thing lay there; nothing is in stock before somebody else has confirmed it."""
    require(actor, ADJUST_STOCK, region=partner.village, organisation=partner.organisation)
    now = now or timezone.now()
    if not counted:
        raise errors.NothingCounted
    if counted_on > timezone.localdate(now):
        raise errors.CountedLater(field="counted_on")
    for record, units in counted:
        if record.partner_id != partner.pk or not 0 <= units <= 1_000_000:
            raise errors.InvalidQuantity(field=f"row{record.pk}")
    _refuse_moved([record for record, _units in counted])
    made = OpeningCount.objects.create(
        partner=partner, counted_on=counted_on, paper=clean_text(paper)[:120], prepared_by=actor, prepared_at=now
    )
    try:
        with transaction.atomic():
            OpeningCountLine.objects.bulk_create(
                [OpeningCountLine(count=made, stockrecord=record, units=units) for record, units in counted]
            )
    except IntegrityError:  # somebody counted one of them at the same moment
        taken = OpeningCountLine.objects.filter(is_live=True, stockrecord__in=[record for record, _units in counted])
        _refuse(taken.select_related("stockrecord__product").earliest("pk").stockrecord)
    _audit("count_opening", made, actor, now, lines=len(counted))
    return made


def _refuse(record: StockRecord) -> None:
    said = errors.CountedAlready.message % {"item": record.product.get_title()}
    raise errors.CountedAlready(said, field=f"row{record.pk}")


def _refuse_moved(records: Sequence[StockRecord]) -> None:
    """Refuse things that have come or gone already: they are counted as usual, and the difference says why."""
    moved = set(StockMovement.objects.filter(stockrecord__in=records).values_list("stockrecord_id", flat=True))
    for record in records:
        if record.pk in moved:
            _refuse(record)


@transaction.atomic
def decide_opening(
    *, count: OpeningCount, actor: User, approve: bool, reason: str = "", now: dt.datetime | None = None
) -> OpeningCount:
    """Confirm a count, and all of it is in stock; or decline it with a reason. By who did not count."""
    now = now or timezone.now()
    row = OpeningCount.objects.select_for_update(of=("self",), no_key=True).get(pk=count.pk)
    partner = row.partner
    require(actor, CONFIRM_COUNT, region=partner.village)
    other_person(actor, row.prepared_by_id)
    if row.state != Decision.PREPARED:
        raise errors.CountDecided
    row.decision_reason = clean_text(reason, lines=True)[:200]
    if not approve and not row.decision_reason:
        raise ReasonMissing(field="reason")
    row.state = Decision.APPROVED if approve else Decision.DECLINED
    row.approved_by, row.approved_at = actor, now
    row.save(update_fields=["state", "approved_by", "approved_at", "decision_reason"])
    if approve:
        _shelve(row, actor, now)
    else:
        row.lines.update(is_live=False)
    _audit("confirm_opening" if approve else "decline_opening", row, actor, now, reason=row.decision_reason)
    return row


def _shelve(count: OpeningCount, actor: User, now: dt.datetime) -> None:
    """Put what was counted on the shelf, each thing as a batch of its own."""
    units = dict(count.lines.filter(units__gt=0).values_list("stockrecord_id", "units"))
    rows = StockRecord.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=units).order_by("pk")
    records = list(rows.select_related("partner__village", "product"))
    _refuse_moved(records)
    for record in records:
        StockRecord.objects.filter(pk=record.pk).update(
            num_in_stock=Coalesce(F("num_in_stock"), Value(0)) + units[record.pk],
            num_allocated=Coalesce(F("num_allocated"), Value(0)),
        )
    moves = [
        movement(
            StockMovement.Kind.OPENING,
            record.pk,
            units[record.pk],
            actor=count.prepared_by,
            occurred_at=now,
            reason=count.paper,
        )
        for record in records
    ]
    StockMovement.objects.bulk_create(moves)
    for record, move in zip(records, moves, strict=True):
        goods.stock_received(
            stockrecord=record,
            movement_id=move.pk,
            units=move.quantity,
            source=Batch.Source.OPENING,
            actor=actor,
            now=now,
        )
    tell_restocked([record.pk for record in records], now)


def _audit(action: str, count: OpeningCount, actor: User, now: dt.datetime, reason: str = "", **facts: int) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"opening_count:{count.pk}",
        region=count.partner.village,
        reason=reason,
        facts=facts,
        now=now,
    )
