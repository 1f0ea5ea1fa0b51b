"""Goods and services that a sponsor brings: announced, counted by the stock keeper, valued by the fund keeper."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from marketplace.funds.errors import BadAmount, EvidenceMissing
from marketplace.funds.models import Batch
from marketplace.funds.rules import KEEP_FUND
from marketplace.funds.services import goods, setup
from marketplace.funds.services.common import keep_file
from marketplace.partner.models import StockRecord
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.rewards.services.stock import receive_stock
from marketplace.sponsors import rules
from marketplace.sponsors.errors import TooMuch, WrongShelf
from marketplace.sponsors.models import Delivery, Pledge
from marketplace.sponsors.services.common import audit, coming_day, lock, require_active, tell
from marketplace.sponsors.services.needs import key_of
from marketplace.sponsors.services.papers import issue_receipt
from marketplace.sponsors.services.pledges import check_shelf, locked_pledge
from timebank.common.errors import WrongState
from timebank.common.input import clean_text
from timebank.registry.interests import other_person
from timebank.registry.models import User
from timebank.registry.rules import can, require

State = Delivery.State


@transaction.atomic
def announce_delivery(
    *, pledge: Pledge, units: int, expected_on: dt.date, actor: User, now: dt.datetime | None = None
) -> Delivery:
    """Say what will be brought when, for an accepted pledge of goods or services."""
    locked = locked_pledge(pledge)
    if not can(actor, KEEP_FUND, region=locked.fund.region):
        rules.require_staff(actor, locked.enterprise)
    if locked.kind == Pledge.Kind.MONEY or not locked.is_live:
        raise WrongState(state=locked.state)
    require_active(locked.enterprise)
    if units <= 0:
        raise BadAmount(field="units")
    coming = sum(Delivery.objects.filter(pledge=locked, state=State.ANNOUNCED).values_list("units", flat=True))
    if locked.received_units + coming + units > locked.units:
        raise TooMuch(field="units", most=locked.units - locked.received_units - coming)
    made = Delivery.objects.create(
        pledge=locked,
        units=units,
        expected_on=coming_day(expected_on, "expected_on", now),
        announced_by=actor,
        announced_at=now or timezone.now(),
    )
    audit(actor, "announce_delivery", made, locked.fund.region, now=now, units=units)
    return made


@transaction.atomic
def cancel_delivery(*, delivery: Delivery, actor: User, now: dt.datetime | None = None) -> Delivery:
    """Take back an announced delivery that will not come."""
    pledge = locked_pledge(Pledge(pk=delivery.pledge_id))
    rules.require_staff(actor, pledge.enterprise)
    locked = lock(delivery, states=(State.ANNOUNCED,))
    locked.state = State.CANCELLED
    locked.save(update_fields=["state"])
    audit(actor, "cancel_delivery", locked, pledge.fund.region, now=now)
    return locked


@transaction.atomic
def count_delivery(
    *,
    delivery: Delivery,
    units: int,
    actor: User,
    stockrecord: StockRecord | None = None,
    use_by: dt.date | None = None,
    now: dt.datetime | None = None,
) -> Delivery:
    """Count what really came: goods go on the shelf, services become units to hand out, under the sponsor's name.

    The pledge is locked first, so a delivery is counted once (``WrongState`` the second time). More than announced is
    counted as it is: what came, came.
    """
    now = now or timezone.now()
    pledge = locked_pledge(Pledge(pk=delivery.pledge_id))
    locked = lock(delivery)
    record = stockrecord or pledge.stockrecord
    if record is None:
        raise WrongShelf(field="stockrecord")
    require(actor, RECEIVE_STOCK, region=record.partner.village)
    if locked.state != State.ANNOUNCED:
        raise WrongState(state=locked.state)
    check_shelf(pledge.fund, pledge.kind, record)
    if not 0 < units <= 1_000_000:
        raise BadAmount(field="units")
    name = pledge.enterprise.public_name
    if pledge.kind == Pledge.Kind.GOODS:
        _shelve(locked, record, units, name, actor, use_by, now)
    else:
        locked.gift = setup.give_service(
            fund=pledge.fund,
            stockrecord=record,
            units=units,
            actor=None,
            key=key_of(locked.source),
            donor=name,
            source=locked.source,
            valid_until=use_by,
        )
    locked.state, locked.counted_units, locked.use_by = State.COUNTED, units, use_by
    locked.counted_by, locked.counted_at = actor, now
    locked.save(
        update_fields=["state", "counted_units", "use_by", "counted_by", "counted_at", "movement", "batch", "gift"]
    )
    pledge.received_units += units
    pledge.stockrecord = record
    if pledge.is_live:
        pledge.state = Pledge.State.FULFILLED if pledge.received_units >= pledge.units else Pledge.State.PART
    pledge.save(update_fields=["received_units", "stockrecord", "state"])
    audit(actor, "count_delivery", locked, pledge.fund.region, now=now, announced=locked.units, counted=units)
    facts = {"title": pledge.text, "announced": locked.units, "counted": units}
    tell("delivery_counted", pledge.enterprise, subject=pledge, now=now, **facts)
    return locked


def _shelve(
    locked: Delivery,
    record: StockRecord,
    units: int,
    name: str,
    actor: User,
    use_by: dt.date | None,
    now: dt.datetime,
) -> None:
    """Put given goods on the shelf as a batch of their own."""
    reason = f"{name}捐赠" if name else "捐赠"
    locked.movement = receive_stock(
        stockrecord=record, quantity=units, actor=actor, use_by=use_by, reason=reason, now=now
    )
    batch = Batch.objects.filter(movement_id=locked.movement.pk).first()
    if batch is None:
        batch = goods.stock_received(
            stockrecord=record,
            movement_id=locked.movement.pk,
            units=units,
            actor=actor,
            use_by=use_by,
            source=Batch.Source.DELIVERY,
            donor=name,
            reference=locked.source,
            now=now,
        )
    elif batch.source != Batch.Source.DELIVERY:
        batch.source, batch.donor, batch.reference, batch.valued_at = (
            Batch.Source.DELIVERY, name, locked.source, None
        )  # fmt: skip
        batch.save(update_fields=["source", "donor", "reference", "valued_at"])
    locked.batch = batch


@transaction.atomic
def value_delivery(
    *,
    delivery: Delivery,
    actor: User,
    evidence: str,
    value_fen: int = 0,
    evidence_text: str = "",
    file_name: str = "",
    file_data: bytes = b"",
    now: dt.datetime | None = None,
) -> Delivery:
    """Value what was counted, by an invoice or two quotes; without evidence it counts no money. Writes the receipt.

    Another person than who counted (``SamePerson``).
    """
    now = now or timezone.now()
    pledge = locked_pledge(Pledge(pk=delivery.pledge_id))
    require(actor, KEEP_FUND, region=pledge.fund.region)
    locked = lock(delivery, "batch")
    if locked.state != State.COUNTED:
        raise WrongState(state=locked.state)
    other_person(actor, locked.counted_by_id)
    if evidence not in Delivery.Evidence.values:
        raise EvidenceMissing(field="evidence")
    text = clean_text(evidence_text, most=200)
    if evidence == Delivery.Evidence.NONE:
        value_fen = 0
    elif not text or value_fen <= 0:
        raise EvidenceMissing(field="evidence_text" if not text else "value")
    if file_data:
        locked.attachment = keep_file(name=file_name, data=file_data, actor=actor)
    if value_fen and locked.batch is not None:
        goods.value_batch(batch=locked.batch, fen=value_fen, actor=actor, reason=text, now=now)
    locked.state, locked.evidence, locked.evidence_text = State.VALUED, evidence, text
    locked.value_fen, locked.valued_by, locked.valued_at = value_fen, actor, now
    locked.save(
        update_fields=["state", "evidence", "evidence_text", "attachment", "value_fen", "valued_by", "valued_at"]
    )
    unit = pledge.stockrecord.product.get_title() if pledge.stockrecord else pledge.text
    issue_receipt(
        pledge=pledge,
        source=locked.source,
        fen=value_fen,
        text=f"{unit} × {locked.counted_units}",
        actor=actor,
        now=now,
    )
    audit(actor, "value_delivery", locked, pledge.fund.region, now=now, fen=value_fen, evidence=evidence)
    return locked
