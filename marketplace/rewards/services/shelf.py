"""What stands on a supplier's shelf: the stock keeper lists it, the admin prices it, from a day and with a reason."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketplace.catalogue.models import Product
from marketplace.partner.errors import BadPrice
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.services import set_price
from marketplace.rewards import errors
from marketplace.rewards.models import PriceChange
from marketplace.rewards.rules import PRICE_REWARD
from marketplace.rewards.services.listing import Item, Wanted, list_many, rights_among
from timebank.common.input import clean_text, digits
from timebank.common.sweeps import Sweep
from timebank.registry import rules as registry_rules
from timebank.registry.models import User
from timebank.registry.services import record_audit


def read_barcode(text: str) -> str:
    """Return a barcode (EAN-8 or EAN-13) in plain digits, or nothing; raises BadBarcode when its check digit is off."""
    code = digits(text)
    if not code and not clean_text(text):
        return ""
    if len(code) not in (8, 13):
        raise errors.BadBarcode(field="barcode")
    weights = (3, 1) if len(code) == 8 else (1, 3)
    total = sum(int(digit) * weights[place % 2] for place, digit in enumerate(code[:-1]))
    if (10 - total % 10) % 10 != int(code[-1]):
        raise errors.BadBarcode(field="barcode")
    return code


def barcode_of(product: Product) -> str:
    """Return the barcode of a reward; nothing for a number of the project's own list, which no scanner reads."""
    try:
        return read_barcode(product.upc or "")
    except errors.BadBarcode:
        return ""


@transaction.atomic
def list_on_shelf(
    *,
    partner: Partner,
    title: str,
    kind: str,
    unit: str = "",
    barcode: str = "",
    title_en: str = "",
    category: str = "",
    actor: User,
    now: dt.datetime | None = None,
) -> StockRecord:
    """Put a reward on a supplier's shelf, still without a price, so nobody can redeem it yet.

    The same barcode, or without one the same title and kind, is the same reward on many shelves.
    """
    item = Item(
        title=clean_text(title),
        kind=kind,
        unit=clean_text(unit),
        barcode=read_barcode(barcode),
        title_en=clean_text(title_en),
        category=clean_text(category),
    )
    (record,) = list_many(wanted=[Wanted(partner, item)], actor=actor, now=now)
    if record is None:
        raise errors.AlreadyListed(field="title")
    return record


@transaction.atomic
def decide_price(
    *,
    stockrecord: StockRecord,
    points: int,
    since: dt.date,
    reason: str,
    actor: User,
    now: dt.datetime | None = None,
) -> PriceChange:
    """Decide a price (1/100 point) from a day on; today's holds at once. Every decision stays in the history."""
    now = now or timezone.now()
    village = stockrecord.partner.village
    registry_rules.require(actor, PRICE_REWARD, region=village)
    if points < 0 or points % settings.POINT_PRICE_STEP:
        raise BadPrice(field="points", points=points)
    if since < timezone.localdate(now):
        raise errors.PricedTooLate(field="since")
    if not clean_text(reason):
        raise errors.PriceReasonMissing(field="reason")
    if points and rights_among([stockrecord.product_id], since):
        raise errors.PriceOfARight(field="points")
    StockRecord.objects.select_for_update(of=("self",)).get(pk=stockrecord.pk)
    change = PriceChange.objects.create(
        stockrecord=stockrecord,
        points=points,
        since=since,
        reason=clean_text(reason),
        decided_by=actor,
        created_at=now,
    )
    record_audit(
        actor=actor,
        action="decide_price",
        subject=f"stockrecord:{stockrecord.pk}",
        region=village,
        reason=change.reason,
        facts={"points": points, "since": since.isoformat()},
        now=now,
    )
    if since <= timezone.localdate(now):
        _apply(change.pk, now)
        change.refresh_from_db()
    return change


def _due(now: dt.datetime) -> QuerySet[PriceChange]:
    return PriceChange.objects.filter(applied_at__isnull=True, since__lte=timezone.localdate(now))


def _apply(pk: int, now: dt.datetime) -> None:
    """Let a decided price hold; what was decided later for the same day comes last."""
    change = PriceChange.objects.select_for_update(of=("self",)).select_related("stockrecord", "decided_by").get(pk=pk)
    if change.applied_at is not None:
        return
    set_price(stockrecord=change.stockrecord, points=change.points, actor=change.decided_by, reason=change.reason)
    change.applied_at = now
    change.save(update_fields=["applied_at"])


APPLY_PRICES = Sweep(
    "apply prices",
    due=lambda now: _due(now).order_by("since", "pk").values_list("pk", flat=True),
    handle=_apply,
    every=10 * 60,
)
