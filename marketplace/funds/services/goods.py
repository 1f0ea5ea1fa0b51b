"""Goods on the shelf at cost: batches that come in, units that leave, what was given and is valued later.

Every function is called in the transaction that moved the stock, right after the stock record was locked or updated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from marketplace.funds import book, errors, posting, rules
from marketplace.funds.models import AgreedPrice, Batch, BatchUse, Fund, Purchase
from marketplace.funds.services.common import check_fen, note, person
from marketplace.funds.services.promising import BATCH_ORDER, price_on
from marketplace.partner.models import StockRecord
from timebank.common.errors import WrongState
from timebank.common.input import clean_text
from timebank.registry.models import User
from timebank.registry.models.regions import paths_up

Source = Batch.Source
#: What came without a price is valued once, by evidence.
VALUED = frozenset({Source.DELIVERY, Source.OPENING, Source.MOVED})


class Moved(NamedTuple):
    """Units that left the shelf by one stock movement."""

    movement_id: int
    stockrecord_id: int
    partner_id: int
    units: int
    ticket_id: int | None = None


def fund_of(path: str) -> Fund | None:
    """Return the fund of a region, else the nearest above."""
    funds = Fund.objects.filter(region__path__in=paths_up(path)).select_related("region", "bank_account")
    return funds.order_by("-region__depth").first()


@transaction.atomic
def stock_received(
    *,
    stockrecord: StockRecord,
    movement_id: int,
    units: int,
    actor: User | None,
    cost_fen: int | None = None,
    use_by: dt.date | None = None,
    source: str = Source.BOUGHT,
    donor: str = "",
    reference: str = "",
    valued: bool | None = None,
    now: dt.datetime | None = None,
) -> Batch | None:
    """Keep what came onto the shelf as a batch; goods bought are owed to the supplier and lie there at their cost.

    ``valued``: whether its value is known (none given: by what it cost, and how it came); what is not, is valued later.

    Nothing happens where there is no fund, and for goods that the supplier owns (they have an agreed price).
    """
    now = now or timezone.now()
    partner = stockrecord.partner
    fund = fund_of(partner.village.path)
    day = timezone.localdate(now)
    if fund is None or AgreedPrice.objects.filter(price_on(day), stockrecord=stockrecord, fen__gt=0).exists():
        return None
    value = cost_fen or 0 if source in {Source.BOUGHT, Source.MOVED} else 0
    posting.open_goods_accounts(partner_id=partner.pk)
    batch = Batch.objects.create(
        stockrecord=stockrecord,
        partner=partner,
        fund=fund,
        source=source,
        movement_id=movement_id,
        reference=reference,
        donor=donor,
        use_by=use_by,
        units=units,
        units_left=units,
        fen=value,
        fen_left=value,
        valued_at=now if (bool(value) or source == Source.COUNT if valued is None else valued) else None,
        created_at=now,
    )
    if not value:
        return batch
    if source == Source.MOVED:
        book.shelve_goods(
            partner_id=partner.pk, fen=value, key=f"movement:{movement_id}", kind="moved", actor=person(actor)
        )
        return batch
    posting.open_payables(funds=[fund], partners=[partner.pk])
    taken = book.buy_goods(fund=fund, partner_id=partner.pk, fen=value, movement_id=movement_id, actor=person(actor))
    Purchase.objects.create(
        movement_id=movement_id,
        fund=fund,
        partner=partner,
        stockrecord=stockrecord,
        units=units,
        fen=value,
        bought_on=day,
        transfer_id=taken.posted.id,
    )
    return batch


@transaction.atomic
def value_batch(*, batch: Batch, fen: int, actor: User, reason: str, now: dt.datetime | None = None) -> Batch:
    """Value goods that came without a price, once, by evidence (invoice or two quotes).

    What has left already is booked in and out.
    """
    now = now or timezone.now()
    StockRecord.objects.select_for_update(of=("self",), no_key=True).get(pk=batch.stockrecord_id)
    batch = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("fund__region").get(pk=batch.pk)
    rules.require_at(actor, rules.KEEP_FUND, batch.fund)
    check_fen(fen)
    if batch.valued_at is not None or batch.source not in VALUED:
        raise WrongState
    if not clean_text(reason):
        raise errors.EvidenceMissing(field="reason")
    gone = fen * (batch.units - batch.units_left) // batch.units
    key = f"batch:{batch.pk}:value"
    book.shelve_goods(partner_id=batch.partner_id, fen=fen, key=key, kind="in_kind", actor=person(actor))
    if gone:
        book.goods_out(partner_id=batch.partner_id, fen=gone, key=f"{key}:out", actor=person(actor))
    batch.fen, batch.fen_left, batch.valued_at = fen, fen - gone, now
    batch.save(update_fields=["fen", "fen_left", "valued_at"])
    note(actor, "value_batch", batch, batch.fund, reason=reason, now=now, fen=fen)
    return batch


@transaction.atomic
def stock_left(*, moved: Sequence[Moved], actor: User | None) -> int:
    """Take units off their batches, earliest last day first, then oldest; the last unit takes the rest of the value.

    Units that no batch knows (from before there was a fund) cost nothing. Returns the value that left, fen.
    """
    if not moved:
        return 0
    batches: dict[int, list[Batch]] = {}
    rows = Batch.objects.select_for_update(of=("self",), no_key=True).filter(units_left__gt=0)
    for row in rows.filter(stockrecord_id__in={entry.stockrecord_id for entry in moved}).order_by(*BATCH_ORDER):
        batches.setdefault(row.stockrecord_id, []).append(row)
    uses: list[BatchUse] = []
    total = 0
    for item in moved:
        wanted, value, mine = item.units, 0, []
        for batch in batches.get(item.stockrecord_id, ()):
            units = min(wanted, batch.units_left)
            if units:
                fen = batch.fen_left * units // batch.units_left
                batch.units_left -= units
                batch.fen_left -= fen
                mine.append(
                    BatchUse(batch=batch, movement_id=item.movement_id, ticket_id=item.ticket_id, units=units, fen=fen)
                )
                wanted -= units
                value += fen
        if value:
            posted = book.goods_out(
                partner_id=item.partner_id, fen=value, key=f"movement:{item.movement_id}", actor=person(actor)
            )
            for use in mine:
                use.transfer_id = posted.id
        uses += mine
        total += value
    touched = {use.batch_id: use.batch for use in uses}
    Batch.objects.bulk_update(touched.values(), ["units_left", "fen_left"])
    BatchUse.objects.bulk_create(uses)
    return total


@transaction.atomic
def stock_back(
    *,
    movement_id: int,
    actor: User | None,
    ticket_id: int | None = None,
    taken_by: int | None = None,
    keep: int = 0,
    now: dt.datetime | None = None,
) -> None:
    """Put back what a hand-over (of ``ticket_id``), or the movement ``taken_by``, took off the batches: once.

    ``keep``: so many units stay away. All is reversed, and those are taken again off the same batches.
    """
    rows = BatchUse.objects.select_for_update(of=("self",), no_key=True).filter(undone_at__isnull=True)
    mine = rows.filter(movement_id=taken_by) if taken_by is not None else rows.filter(ticket_id=ticket_id)
    uses = list(mine.order_by("pk"))
    if not uses:
        return
    batches = Batch.objects.select_for_update(of=("self",), no_key=True).in_bulk({use.batch_id for use in uses})
    for use in uses:
        batch = batches[use.batch_id]
        batch.units_left += use.units
        batch.fen_left += use.fen
    for transfer in sorted({use.transfer_id for use in uses if use.transfer_id}):
        book.goods_back(transfer_id=transfer, key=f"movement:{movement_id}:back:{transfer}", actor=person(actor))
    BatchUse.objects.filter(pk__in=[use.pk for use in uses]).update(undone_at=now or timezone.now())
    if keep:
        _take_again(uses, batches, keep, movement_id, actor)
    Batch.objects.bulk_update(batches.values(), ["units_left", "fen_left"])


def _take_again(
    uses: Sequence[BatchUse], batches: dict[int, Batch], units: int, movement_id: int, actor: User | None
) -> None:
    """Take ``units`` once more off the batches that they came from, at the value at which they left."""
    kept, value = [], 0
    for use in uses:
        part = min(units, use.units)
        if not part:
            break
        fen = use.fen * part // use.units
        batch = batches[use.batch_id]
        batch.units_left -= part
        batch.fen_left -= fen
        kept.append(BatchUse(batch=batch, movement_id=movement_id, ticket_id=use.ticket_id, units=part, fen=fen))
        units -= part
        value += fen
    if value:
        partner = kept[0].batch.partner_id
        posted = book.goods_out(partner_id=partner, fen=value, key=f"movement:{movement_id}:kept", actor=person(actor))
        for use in kept:
            use.transfer_id = posted.id
    BatchUse.objects.bulk_create(kept)


@transaction.atomic
def stock_counted(
    *, stockrecord: StockRecord, movement_id: int, change: int, actor: User | None, now: dt.datetime | None = None
) -> None:
    """Follow a count or a write-off: fewer leave at their cost, more are worth nothing until somebody says why."""
    if change < 0:
        stock_left(moved=[Moved(movement_id, stockrecord.pk, stockrecord.partner_id, -change)], actor=actor)
    elif change > 0:
        stock_received(
            stockrecord=stockrecord, movement_id=movement_id, units=change, actor=actor, source=Source.COUNT, now=now
        )
