"""What suppliers are paid for a unit: agreed by two persons, never two prices for one day."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.funds import errors, posting, rules
from marketplace.funds.models import AgreedPrice, Commitment, Decision, Fund
from marketplace.funds.services.common import note, once
from marketplace.funds.services.drawing import post_unpriced
from marketplace.funds.services.promising import price_on
from marketplace.partner.models import StockRecord
from timebank.common.batches import batched
from timebank.common.errors import WrongState
from timebank.registry.interests import other_person
from timebank.registry.models import User
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import require


def funds_near(path: str) -> list[Fund]:
    """List the funds whose residents may redeem at a supplier of this region: above it, in it, below it."""
    near = Q(region__path__in=paths_up(path)) | Q(region__path__startswith=path)
    return list(Fund.objects.filter(near).select_related("region", "bank_account").order_by("-region__depth"))


@transaction.atomic
def propose_price(
    *,
    stockrecord: StockRecord,
    fen: int,
    valid_from: dt.date,
    actor: User,
    key: uuid.UUID | str,
    valid_until: dt.date | None = None,
    note_text: str = "",
) -> AgreedPrice:
    """Propose what a unit costs from a day on (0: the village bears it). A second person approves."""
    require(actor, rules.PRICE_SUPPLIER, region=stockrecord.partner.village)
    rules.not_own_supplier(actor, stockrecord.partner)
    if type(fen) is not int or not 0 <= fen < 10**10:
        raise errors.BadAmount(field="amount")
    if valid_until is not None and valid_until < valid_from:
        raise errors.PriceOverlap(field="valid_until")
    price, __ = once(
        AgreedPrice,
        key=key,
        stockrecord=stockrecord,
        fen=fen,
        valid_from=valid_from,
        valid_until=valid_until,
        note=note_text[:200],
        prepared_by=actor,
    )
    return price


@transaction.atomic
def decide_price(
    *, price: AgreedPrice, actor: User, approve: bool = True, reason: str = "", now: dt.datetime | None = None
) -> AgreedPrice:
    """Approve a price (or decline it): the open price before it ends the day before; what waited for it is posted.

    A day that is past keeps its price: what was drawn then was agreed then. Raises ``SamePerson``, ``PriceOverlap``.
    """
    now = now or timezone.now()
    # the stock record is the lock of its prices
    record = (
        StockRecord.objects.select_for_update(of=("self",), no_key=True)
        .select_related("partner__village")
        .get(pk=price.stockrecord_id)
    )
    price = AgreedPrice.objects.select_for_update(of=("self",), no_key=True).get(pk=price.pk)
    village = record.partner.village
    require(actor, rules.APPROVE_PAYMENT, region=village)
    if price.state != Decision.PREPARED:
        raise WrongState(state=price.state)
    other_person(actor, price.prepared_by_id)
    rules.not_own_supplier(actor, record.partner)
    if approve:
        _end_earlier(price, timezone.localdate(now))
    price.state = Decision.APPROVED if approve else Decision.DECLINED
    price.approved_by, price.approved_at, price.decision_reason = actor, now, reason[:200]
    try:
        with transaction.atomic():
            price.save(update_fields=["state", "approved_by", "approved_at", "decision_reason"])
    except IntegrityError:
        raise errors.PriceOverlap(field="valid_from") from None
    funds = funds_near(village.path)
    if approve:
        posting.open_payables(funds=funds, partners=[record.partner_id])
        reprice(stockrecord_id=record.pk, today=timezone.localdate(now))
        post_unpriced(stockrecord_id=record.pk, actor=actor)
    if funds:
        note(actor, f"price_{price.state}", price, funds[0], reason=reason, now=now, fen=price.fen)
    return price


def _end_earlier(price: AgreedPrice, today: dt.date) -> None:
    """End the open price that this one follows. Raises ``PriceOverlap`` when other days would be taken away."""
    last = price.valid_until
    later = Q() if last is None else Q(valid_from__lte=last)
    others = AgreedPrice.objects.filter(later, stockrecord=price.stockrecord_id, state=Decision.APPROVED)
    others = others.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=price.valid_from)).exclude(pk=price.pk)
    for other in others:
        follows = other.valid_until is None and other.valid_from < price.valid_from and last is None
        if not follows or price.valid_from < today:
            raise errors.PriceOverlap(field="valid_from", other=other.pk)
        other.valid_until = price.valid_from - dt.timedelta(days=1)
        other.save(update_fields=["valid_until"])


def reprice(*, stockrecord_id: int | None = None, today: dt.date | None = None) -> int:
    """Let open commitments cost what is agreed today; returns how many changed. Two statements for all."""
    today = today or timezone.localdate()
    prices = AgreedPrice.objects.filter(price_on(today), stockrecord=OuterRef("stockrecord"))
    now_fen = Subquery(prices.order_by("-valid_from").values("fen")[:1])
    rows = Commitment.objects.filter(
        state=Commitment.State.OPEN,
        kind__in=[Commitment.Kind.CASH, Commitment.Kind.OWN, Commitment.Kind.UNPRICED],
    )
    if stockrecord_id is not None:
        rows = rows.filter(stockrecord=stockrecord_id)
    changed = (
        rows.annotate(now_fen=now_fen)
        .filter(now_fen__isnull=False)
        .exclude(now_fen=F("unit_fen"), kind__in=["cash", "own"])
    )
    ids = list(changed.values_list("pk", flat=True))
    for part in batched(ids):
        Commitment.objects.filter(pk__in=part).update(
            unit_fen=Coalesce(now_fen, 0),
            fen=Coalesce(now_fen, 0) * F("quantity"),
            kind=Case(When(Q(pk__in=prices_above_zero(today)), then=Value("cash")), default=Value("own")),
        )
    return len(ids)


def prices_above_zero(today: dt.date) -> Subquery:
    """Select the commitments whose reward costs something today."""
    paid = AgreedPrice.objects.filter(price_on(today), fen__gt=0).values("stockrecord")
    return Subquery(Commitment.objects.filter(stockrecord__in=paid).values("pk"))
