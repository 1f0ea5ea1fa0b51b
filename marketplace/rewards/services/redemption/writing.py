"""Promise the goods, then write orders, receipts, tickets and stock movements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib.sites.models import Site
from django.db import models
from django.utils import timezone
from oscar.apps.payment.models import Source, SourceType, Transaction

from marketplace.basket.models import Basket
from marketplace.order.models import Line, LinePrice, Order
from marketplace.order.numbers import new_number
from marketplace.partner import errors as partner_errors
from marketplace.partner.prices import decimal_of
from marketplace.rewards import codes
from marketplace.rewards.models import Redemption, StockMovement, Ticket
from marketplace.rewards.services.common import log_events
from marketplace.rewards.services.redemption.checking import Priced, sold_out
from marketplace.rewards.services.redemption.paying import pay_key
from marketplace.rewards.services.stock import movement
from timebank.registry.models import User


def allocate(priced: Sequence[Priced]) -> None:
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


def write_orders(
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


def write_tickets(
    redemption: Redemption, priced: Sequence[Priced], orders: dict[int, Order], *, now: dt.datetime, actor: User
) -> list[Ticket]:
    """Write one ticket a unit of a service, one a line of goods."""
    count = sum(line.quantity if line.is_service else 1 for line in priced)
    fresh = iter(_unused(Ticket, "code", codes.new_code, count))
    today = timezone.localdate(now)
    tickets = []
    for line in priced:
        order = orders[line.partner.pk]
        row = next(
            redeemed_line for redeemed_line in order.redeemed_lines if redeemed_line.stockrecord_id == line.record.pk
        )
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
    log_events(tickets, "issued", actor=actor, now=now)
    return tickets


def log_stock(tickets: Sequence[Ticket], *, actor: User, now: dt.datetime) -> None:
    made = [
        movement(StockMovement.Kind.REDEEM, t.stockrecord_id, t.quantity, ticket=t, actor=actor, occurred_at=now)
        for t in tickets
        if t.is_stocked
    ]
    if made:
        StockMovement.objects.bulk_create(made)
