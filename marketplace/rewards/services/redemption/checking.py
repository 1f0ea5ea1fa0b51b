"""Who may have what and for how much: person and basket under lock, prices, levels, limits, goods kept aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.basket.errors import LimitReached
from marketplace.basket.models import Basket
from marketplace.catalogue.models import Product
from marketplace.partner.availability import Refused
from marketplace.partner.errors import OutOfStock
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.strategy import Selector
from marketplace.rewards import errors
from marketplace.rewards.models import Ticket
from timebank.common.errors import DomainError
from timebank.registry import rules
from timebank.registry.errors import NotOpenYet, ResidentClosed
from timebank.registry.models import Consent, Region, Resident

LARGEST_QUANTITY = 99


@dataclass(slots=True)
class RedemptionLine:
    """One line of a redemption with what it costs this resident. Points are 1/100.

    ``slot_id`` names booked time, ``payer`` a wallet other than the resident's own, ``purpose_id`` the earmarked fund.
    """

    record: StockRecord
    quantity: int
    unit_points: int
    list_points: int
    slot_id: int | None = None
    payer: str = ""
    purpose_id: int | None = None

    @property
    def product(self) -> Product:
        return self.record.product

    @property
    def partner(self) -> Partner:
        return self.record.partner

    @property
    def points(self) -> int:
        return self.unit_points * self.quantity

    @property
    def is_service(self) -> bool:
        return self.product.is_service

    @property
    def is_stocked(self) -> bool:
        return self.product.get_product_class().track_stock


def lock_resident(resident: Resident) -> Resident:
    """Lock the person: limits are counted, and an account is closed, one at a time."""
    row = (
        Resident.objects.select_for_update(of=("self",), no_key=True)
        .select_related("village")
        .annotate(consented=_has_consent())
        .get(pk=resident.pk)
    )
    if row.status != Resident.Status.ACTIVE:
        raise ResidentClosed
    if not row.consented:
        raise errors.ConsentWithdrawn
    return row


def require_open(village: Region) -> None:
    """Refuse to redeem in a village that is still being prepared; the points stay."""
    try:
        rules.require_open(village)
    except NotOpenYet as error:
        raise errors.VillageNotOpen(village=str(village)) from error


def _has_consent() -> models.Exists:
    return models.Exists(Consent.objects.filter(resident=models.OuterRef("pk"), withdrawn_at__isnull=True))


def lock_basket(basket: Basket) -> list[tuple[int, int]]:
    row = Basket.objects.select_for_update(no_key=True).filter(pk=basket.pk).values_list("status", flat=True).first()
    if row != Basket.OPEN:
        raise errors.BasketEmpty
    return merge(basket.lines.order_by("pk").values_list("stockrecord_id", "quantity"))


def merge(lines: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Add up lines of the same stock record; sorted, so that equal content looks equal."""
    wants: dict[int, int] = {}
    for stockrecord_id, quantity in lines:
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity <= 0:
            raise errors.InvalidQuantity(field="quantity")
        wants[stockrecord_id] = wants.get(stockrecord_id, 0) + quantity
    if any(quantity > LARGEST_QUANTITY for quantity in wants.values()):
        raise errors.InvalidQuantity(
            _("At most %(most)d of one reward at a time.") % {"most": LARGEST_QUANTITY}, field="quantity"
        )
    return sorted(wants.items())


def price_lines(resident: Resident, wants: Sequence[tuple[int, int]]) -> list[RedemptionLine]:
    """Price what is wanted for this resident and refuse what they can't have; sorted by (supplier, stock record)."""
    if not wants:
        raise errors.BasketEmpty
    quantities = dict(wants)
    records = list(
        StockRecord.objects.filter(pk__in=quantities)
        .select_related(
            "partner__village", "partner__organisation", "product__product_class", "product__parent__product_class"
        )
        .order_by("partner_id", "pk")
    )
    if len(records) != len(quantities):
        raise errors.NotAvailable
    strategy = Selector().strategy(resident=resident)
    lines = []
    for record in records:
        quantity = quantities[record.pk]
        info = strategy.fetch_for_product(record.product, record)
        allowed, __ = info.availability.is_purchase_permitted(quantity)
        if not allowed:
            raise _refusal(record, info.availability)
        lines.append(RedemptionLine(record, quantity, info.price.points, info.price.list_points))
    return lines


def _refusal(record: StockRecord, availability: Any) -> DomainError:
    product = record.product.get_title()
    code = availability.code if isinstance(availability, Refused) else ""
    if code == "not_your_village":
        return errors.NotYourVillage(
            _("%(product)s is only for residents of %(village)s.")
            % {"product": product, "village": record.partner.village},
            product=product,
        )
    if code == "below_level":
        star = availability.params.get("star", record.product.min_star)
        return errors.BelowLevel(
            _("%(product)s opens from %(star)d stars.") % {"product": product, "star": star}, product=product, star=star
        )
    if not code and record.product.get_product_class().track_stock:
        return _sold_out(record)
    return errors.NotAvailable(
        _("%(product)s can't be redeemed at the moment.") % {"product": product}, product=product
    )


def allocate(lines: Sequence[RedemptionLine]) -> None:
    """Promise the goods, in (supplier, stock record) order so that crossing baskets can't lock each other out."""
    for line in lines:
        if not line.is_stocked:
            continue
        try:
            line.record.allocate(line.quantity)
        except OutOfStock:
            line.record.refresh_from_db(fields=["num_in_stock", "num_allocated"])
            raise _sold_out(line.record) from None


def _sold_out(record: StockRecord) -> OutOfStock:
    """Name what is missing and how many are left."""
    product, left = record.product.get_title(), max(record.net_stock_level, 0)
    if left:
        text = _("Only %(left)d left of %(product)s. Please take fewer.") % {"left": left, "product": product}
    else:
        text = _("%(product)s is sold out. Please take it out of the basket or come back later.") % {"product": product}
    return OutOfStock(text, product=product, left=left)


def period_start(period: str, now: dt.datetime) -> dt.datetime | None:
    """Return the first moment of the day, week, month … that ``now`` lies in, at local time; None for ever."""
    start = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == Product.Period.DAY:
        return start
    if period == Product.Period.WEEK:
        return start - dt.timedelta(days=start.weekday())
    if period == Product.Period.MONTH:
        return start.replace(day=1)
    if period == Product.Period.QUARTER:
        return start.replace(day=1, month=(start.month - 1) // 3 * 3 + 1)
    if period == Product.Period.YEAR:
        return start.replace(day=1, month=1)
    return None


def check_limits(resident: Resident, lines: Sequence[RedemptionLine], now: dt.datetime) -> None:
    """Refuse more of a reward than one resident may have in its period. One statement, whatever the number of lines."""
    wanted: dict[int, int] = {}
    products: dict[int, Product] = {}
    for line in lines:
        if line.product.per_resident_limit:
            products[line.product.pk] = line.product
            wanted[line.product.pk] = wanted.get(line.product.pk, 0) + line.quantity
    if not products:
        return
    sums = {}
    for pk, product in products.items():
        condition = Q(product_id=pk)
        start = period_start(product.limit_period, now)
        if start is not None:
            condition &= Q(issued_at__gte=start)
        sums[f"had_{pk}"] = Sum("quantity", filter=condition, default=0)
    had = Ticket.objects.filter(
        resident=resident, product_id__in=products, state__in=[Ticket.State.ISSUED, Ticket.State.HANDED_OVER]
    ).aggregate(**sums)
    for pk, product in products.items():
        if had[f"had_{pk}"] + wanted[pk] > product.per_resident_limit:
            raise LimitReached(
                _("%(product)s: at most %(limit)d for one person %(period)s; you have had %(had)d.")
                % {
                    "product": product.get_title(),
                    "limit": product.per_resident_limit,
                    "period": Product.Period(product.limit_period or Product.Period.EVER).label,
                    "had": had[f"had_{pk}"],
                },
                product=product.get_title(),
                had=had[f"had_{pk}"],
                limit=product.per_resident_limit,
            )
