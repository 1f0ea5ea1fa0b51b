"""Redeem: one transaction from the basket to the tickets, the same for web page, card sale, API and tests."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.sites.models import Site
from django.db import IntegrityError, models, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from oscar.apps.order.signals import order_placed
from oscar.apps.payment.models import Source, SourceType, Transaction

from marketplace.basket.models import Basket
from marketplace.catalogue.models import Product
from marketplace.order.models import Line, LinePrice, Order
from marketplace.order.numbers import new_number
from marketplace.partner import errors as partner_errors
from marketplace.partner.availability import Refused
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import decimal_of
from marketplace.partner.services import open_partner_accounts
from marketplace.partner.strategy import Selector
from marketplace.rewards import codes, errors
from marketplace.rewards.models import Redemption, StockMovement, Ticket
from marketplace.rewards.services.common import note_events, person, someone
from marketplace.rewards.services.stock import movement
from timebank.common.numbers import format_points_with_unit
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.models import Resident, User

LARGEST_QUANTITY = 99


@dataclass(slots=True)
class Priced:
    """One line of a redemption with what it costs this resident. Points are 1/100."""

    record: StockRecord
    quantity: int
    unit_points: int
    list_points: int

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


def redeem(
    *,
    resident: Resident,
    key: uuid.UUID | str,
    actor: User,
    lines: Sequence[tuple[int, int]] | None = None,
    basket: Basket | None = None,
    expected_total: int | None = None,
    on_behalf_of: Resident | None = None,
    channel: str = Redemption.Channel.WEB,
    brought_by: str = "",
    now: dt.datetime | None = None,
) -> Redemption:
    """Redeem ``lines`` (stock record id, quantity) or all of ``basket`` for ``resident``, or nothing at all.

    ``key`` comes with the form: sent again, it returns the same redemption (``replayed`` is then true).
    ``expected_total`` is what the person saw, in 1/100 point. Refusals are ``RewardsError``; the basket stays.
    """
    arguments: dict[str, Any] = {
        "resident": resident,
        "lines": lines,
        "basket": basket,
        "key": uuid.UUID(str(key)),
        "expected_total": expected_total,
        "actor": actor,
        "on_behalf_of": on_behalf_of,
        "channel": channel,
        "brought_by": brought_by,
        "now": now or timezone.now(),
    }
    try:
        return _redeem(**arguments)
    except ledger_errors.UnknownAccount:
        # A supplier that came in by another way than its service has no accounts yet. Nothing was written: repeat.
        _open_accounts(basket, lines)
        return _redeem(**arguments)


@transaction.atomic
def _redeem(
    *,
    resident: Resident,
    lines: Sequence[tuple[int, int]] | None,
    basket: Basket | None,
    key: uuid.UUID,
    expected_total: int | None,
    actor: User,
    on_behalf_of: Resident | None,
    channel: str,
    brought_by: str,
    now: dt.datetime,
) -> Redemption:
    redemption = Redemption(
        key=key,
        resident=resident,
        village_id=resident.village_id,
        actor=actor,
        channel=channel,
        basket=basket,
        brought_by=brought_by[:60],
        total_points=0,
        content_hash=_content_hash(resident, channel, basket, lines),
        created_at=now,
    )
    earlier = _claim_key(redemption)
    if earlier is not None:
        return earlier
    resident = _lock_resident(resident)
    wants = _lock_basket(basket) if basket is not None else _merge(lines or ())
    priced = price_lines(resident, wants)
    total = sum(line.points for line in priced)
    if expected_total is not None and total != expected_total:
        raise errors.PriceChanged(
            _("A price has changed: the new total is %(total)s. Please look again and confirm.")
            % {"total": format_points_with_unit(total)},
            total=total,
            was=expected_total,
        )
    check_limits(resident, priced, now)
    _allocate(priced)
    orders = _write_orders(redemption, priced, actor=actor, basket=basket, now=now)
    tickets = _write_tickets(redemption, priced, orders, now=now, who=actor)
    _note_stock(tickets, who=actor, now=now)
    transfer_id = _pay(redemption, resident, priced, actor=actor, on_behalf_of=on_behalf_of, now=now)
    Redemption.objects.filter(pk=redemption.pk).update(total_points=total, transfer_id=transfer_id)
    redemption.total_points, redemption.transfer_id = total, transfer_id
    if basket is not None:
        Basket.objects.filter(pk=basket.pk).update(status=Basket.SUBMITTED, date_submitted=now)
        basket.status = Basket.SUBMITTED
    transaction.on_commit(lambda: _tell(list(orders.values()), actor))
    return redemption


# -- The key -----------------------------------------------------------------------------------------------------------
def _content_hash(
    resident: Resident, channel: str, basket: Basket | None, lines: Sequence[tuple[int, int]] | None
) -> str:
    content = [resident.pk, channel, basket.pk if basket is not None else _merge(lines or ())]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _claim_key(redemption: Redemption) -> Redemption | None:
    """Store the redemption under its key, or return the one that has the key (or the basket) already.

    The unique column is the guard: a second sender waits here until the first has finished or given up.
    """
    try:
        with transaction.atomic():
            redemption.save(force_insert=True)
    except IntegrityError:
        earlier = Redemption.objects.filter(key=redemption.key).first()
        if earlier is not None:
            if earlier.content_hash != redemption.content_hash:
                raise errors.KeyConflict from None
        elif redemption.basket_id:
            # The same basket from a second window, under that window's key.
            earlier = Redemption.objects.filter(basket_id=redemption.basket_id, resident=redemption.resident).first()
        if earlier is None:
            raise
        earlier.replayed = True
        return earlier
    return None


# -- Who and what ------------------------------------------------------------------------------------------------------
def _lock_resident(resident: Resident) -> Resident:
    """Lock the person: limits are counted, and an account is closed, one at a time."""
    row = (
        Resident.objects.select_for_update(of=("self",), no_key=True)
        .select_related("village")
        .annotate(consented=_has_consent())
        .get(pk=resident.pk)
    )
    if row.status != Resident.Status.ACTIVE:
        raise errors.ResidentClosed
    if not row.consented:
        raise errors.ConsentMissing
    return row


def _has_consent() -> models.Exists:
    from timebank.registry.models import Consent

    return models.Exists(Consent.objects.filter(resident=models.OuterRef("pk"), withdrawn_at__isnull=True))


def _lock_basket(basket: Basket) -> list[tuple[int, int]]:
    row = Basket.objects.select_for_update(no_key=True).filter(pk=basket.pk).values_list("status", flat=True).first()
    if row != Basket.OPEN:
        raise errors.BasketEmpty
    return _merge(basket.lines.order_by("pk").values_list("stockrecord_id", "quantity"))


def _merge(lines: Any) -> list[tuple[int, int]]:
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


def price_lines(resident: Resident, wants: Sequence[tuple[int, int]]) -> list[Priced]:
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
    priced = []
    for record in records:
        quantity = quantities[record.pk]
        info = strategy.fetch_for_product(record.product, record)
        allowed, __ = info.availability.is_purchase_permitted(quantity)
        if not allowed:
            raise _refusal(record, info.availability, quantity)
        priced.append(Priced(record, quantity, info.price.points, info.price.list_points))
    return priced


def _refusal(record: StockRecord, availability: Any, quantity: int) -> errors.RewardsError:
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
        return sold_out(record)
    return errors.NotAvailable(
        _("%(product)s can't be redeemed at the moment.") % {"product": product}, product=product
    )


def sold_out(record: StockRecord) -> errors.OutOfStock:
    """Name what is missing and how many are left."""
    product, left = record.product.get_title(), max(record.net_stock_level, 0)
    if left:
        text = _("Only %(left)d left of %(product)s. Please take fewer.") % {"left": left, "product": product}
    else:
        text = _("%(product)s is sold out. Please take it out of the basket or come back later.") % {"product": product}
    return errors.OutOfStock(text, product=product, left=left)


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


def check_limits(resident: Resident, priced: Sequence[Priced], now: dt.datetime) -> None:
    """Refuse more of a reward than one resident may have in its period. One statement, whatever the number of lines."""
    wanted: dict[int, int] = {}
    products: dict[int, Product] = {}
    for line in priced:
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
            raise errors.LimitReached(
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


# -- Writing -----------------------------------------------------------------------------------------------------------
def _allocate(priced: Sequence[Priced]) -> None:
    """Promise the goods, in (supplier, stock record) order so that crossing baskets can't lock each other out."""
    for line in priced:
        if not line.is_stocked:
            continue
        try:
            line.record.allocate(line.quantity)
        except partner_errors.OutOfStock:
            line.record.refresh_from_db(fields=["num_in_stock", "num_allocated"])
            raise sold_out(line.record) from None


def _unused(model: type[models.Model], field: str, make: Any, count: int) -> list[str]:
    """Draw ``count`` random numbers or codes that no row has."""
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn.add(make())
    taken = set(model.objects.filter(**{f"{field}__in": drawn}).values_list(field, flat=True))  # type: ignore[attr-defined]
    free = sorted(drawn - taken)
    return free if not taken else free + _unused(model, field, make, len(taken))


def _write_orders(
    redemption: Redemption, priced: Sequence[Priced], *, actor: User, basket: Basket | None, now: dt.datetime
) -> dict[int, Order]:
    """Write one Oscar order a supplier, with lines, prices and payment source. Returns orders by supplier id."""
    by_partner: dict[int, list[Priced]] = {}
    for line in priced:
        by_partner.setdefault(line.partner.pk, []).append(line)
    numbers = _unused(Order, "number", new_number, len(by_partner))
    site = Site.objects.get_current()
    orders = []
    for number, (partner_id, of_partner) in zip(numbers, by_partner.items(), strict=True):
        total = decimal_of(sum(line.points for line in of_partner))
        orders.append(
            Order(
                number=number,
                site=site,
                basket=basket,
                user_id=redemption.resident.user_id,
                redemption=redemption,
                partner_id=partner_id,
                village_id=redemption.village_id,
                currency="PTS",
                total_incl_tax=total,
                total_excl_tax=total,
                status="placed",
                date_placed=now,
            )
        )
    orders = Order.objects.bulk_create(orders)
    by_id = {order.partner_id: order for order in orders}
    rows = Line.objects.bulk_create([_order_line(by_id[line.partner.pk], line) for line in priced])
    LinePrice.objects.bulk_create(
        [
            LinePrice(
                order_id=row.order_id,
                line=row,
                quantity=row.quantity,
                price_incl_tax=row.unit_price_incl_tax,
                price_excl_tax=row.unit_price_excl_tax,
            )
            for row in rows
        ]
    )
    for order in orders:
        order.redeemed_lines = [row for row in rows if row.order_id == order.pk]
    _write_sources(redemption, orders)
    return by_id


def _order_line(order: Order, line: Priced) -> Line:
    price, unit = decimal_of(line.points), decimal_of(line.unit_points)
    before = decimal_of(line.list_points * line.quantity)
    return Line(
        order=order,
        partner=line.partner,
        partner_name=line.partner.name,
        partner_sku=line.record.partner_sku,
        stockrecord=line.record,
        product=line.product,
        title=line.product.title or line.product.get_title(),
        upc=line.product.upc,
        quantity=line.quantity,
        line_price_incl_tax=price,
        line_price_excl_tax=price,
        line_price_before_discounts_incl_tax=before,
        line_price_before_discounts_excl_tax=before,
        unit_price_incl_tax=unit,
        unit_price_excl_tax=unit,
        status="placed",
        num_allocated=line.quantity if line.is_stocked else 0,
    )


def _write_sources(redemption: Redemption, orders: Sequence[Order]) -> None:
    """Write Oscar's receipt of the payment. The ledger is the truth; this lets Oscar's pages tell it."""
    source_type, __ = SourceType.objects.get_or_create(code="points", defaults={"name": "Points"})
    reference = pay_key(redemption)
    sources = Source.objects.bulk_create(
        [
            Source(
                order=order,
                source_type=source_type,
                currency="PTS",
                amount_allocated=order.total_incl_tax,
                amount_debited=order.total_incl_tax,
                reference=reference,
            )
            for order in orders
        ]
    )
    Transaction.objects.bulk_create(
        [
            Transaction(
                source=source,
                txn_type="Debit",
                amount=source.amount_debited,
                reference=reference,
                status="done",
                date_created=redemption.created_at,
            )
            for source in sources
        ]
    )


def _write_tickets(
    redemption: Redemption, priced: Sequence[Priced], orders: dict[int, Order], *, now: dt.datetime, who: User
) -> list[Ticket]:
    """Write one ticket a unit of a service, one a line of goods."""
    count = sum(line.quantity if line.is_service else 1 for line in priced)
    fresh = iter(_unused(Ticket, "code", codes.new_code, count))
    today = timezone.localdate(now)
    tickets = []
    for line in priced:
        order = orders[line.partner.pk]
        row = next(one for one in order.redeemed_lines if one.stockrecord_id == line.record.pk)
        shares = [1] * line.quantity if line.is_service else [line.quantity]
        tickets += [
            Ticket(
                code=next(fresh),
                redemption=redemption,
                order=order,
                line=row,
                partner=line.partner,
                product=line.product,
                stockrecord=line.record,
                resident_id=redemption.resident_id,
                kind=Ticket.Kind.SERVICE if line.is_service else Ticket.Kind.GOODS,
                quantity=share,
                points=line.unit_points * share,
                is_stocked=line.is_stocked,
                issued_at=now,
                valid_until=today + dt.timedelta(days=line.product.validity_days),
            )
            for share in shares
        ]
    tickets = Ticket.objects.bulk_create(tickets)
    note_events(tickets, "issued", who=who, now=now)
    return tickets


def _note_stock(tickets: Sequence[Ticket], *, who: User, now: dt.datetime) -> None:
    made = [
        movement(StockMovement.Kind.REDEEM, t.stockrecord_id, t.quantity, ticket=t, who=who, at=now)
        for t in tickets
        if t.is_stocked
    ]
    if made:
        StockMovement.objects.bulk_create(made)


def pay_key(redemption: Redemption) -> str:
    """Return the ledger's key of the payment: one redemption is paid once."""
    return f"redemption:{redemption.key}:pay"


def _pay(
    redemption: Redemption,
    resident: Resident,
    priced: Sequence[Priced],
    *,
    actor: User,
    on_behalf_of: Resident | None,
    now: dt.datetime,
) -> int | None:
    """Move the points from the wallet to each supplier's escrow; last of all, so the wallet is locked shortest."""
    amounts: dict[Partner, int] = {}
    for line in priced:
        amounts[line.partner] = amounts.get(line.partner, 0) + line.points
    legs = tuple(
        Leg(debit=resident.wallet_key, credit=partner.escrow_key, amount=amount)
        for partner, amount in sorted(amounts.items(), key=lambda one: one[0].pk)
        if amount
    )
    if not legs:
        return None
    acts_for_other = actor is not None and resident.user_id != actor.pk
    spec = TransferSpec(
        key=pay_key(redemption),
        kind="redeem",
        legs=legs,
        effective_on=timezone.localdate(now),
        actor=person(actor),
        on_behalf_of=someone(on_behalf_of or (resident if acts_for_other else None)),
        source=f"redemption:{redemption.key}",
    )
    try:
        return ledger.post(spec).id
    except ledger_errors.InsufficientFunds:
        spendable = ledger_read.balance_of(resident.wallet_key).spendable
        raise not_enough(sum(leg.amount for leg in legs), spendable) from None


def not_enough(total: int, spendable: int) -> errors.InsufficientPoints:
    """Say how many points are missing."""
    missing = max(total - spendable, 0)
    return errors.InsufficientPoints(
        _("This costs %(total)s and you have %(spendable)s: %(missing)s are missing.")
        % {
            "total": format_points_with_unit(total),
            "spendable": format_points_with_unit(spendable),
            "missing": format_points_with_unit(missing),
        },
        missing=missing,
        spendable=spendable,
        total=total,
    )


def _open_accounts(basket: Basket | None, lines: Sequence[tuple[int, int]] | None) -> None:
    wants = [pk for pk, __ in lines or ()]
    if basket is not None:
        wants += basket.lines.values_list("stockrecord_id", flat=True)
    for partner in Partner.objects.filter(stockrecords__in=wants).distinct():
        open_partner_accounts(partner=partner)


def _tell(orders: Sequence[Order], actor: User) -> None:
    """Tell whoever listens to Oscar; a deaf listener never undoes a redemption."""
    for order in orders:
        order_placed.send_robust(sender=redeem, order=order, user=actor)
