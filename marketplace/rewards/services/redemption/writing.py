"""Write orders, tickets and stock movements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.basket.models import Basket
from marketplace.order.models import Line, Order
from marketplace.order.numbers import new_number
from marketplace.partner.prices import decimal_of
from marketplace.rewards import codes
from marketplace.rewards.models import Redemption, StockMovement, Ticket
from marketplace.rewards.services.common import log_events
from marketplace.rewards.services.redemption.checking import RedemptionLine
from marketplace.rewards.services.stock import movement
from timebank.registry.models import User


class DrawnAlready(Exception):
    """A random number or code was drawn that a row has already: nothing stands, draw again."""


def _insert(rows: Sequence[Any]) -> list[Any]:
    """Insert rows that carry a random number; the unique column decides, nobody asks before (1 in 10^10)."""
    try:
        with transaction.atomic():
            return type(rows[0]).objects.bulk_create(rows)
    except IntegrityError as error:
        raise DrawnAlready from error


def write_orders(
    redemption: Redemption, lines: Sequence[RedemptionLine], *, basket: Basket | None, now: dt.datetime
) -> dict[int, Order]:
    """Write one Oscar order a supplier, with its lines. Returns orders by supplier id."""
    by_partner: dict[int, list[RedemptionLine]] = {}
    for line in lines:
        by_partner.setdefault(line.partner.pk, []).append(line)
    orders = []
    for partner_id, of_partner in by_partner.items():
        total = decimal_of(sum(line.points for line in of_partner))
        orders.append(
            Order(
                number=new_number(),
                site_id=settings.SITE_ID,
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
    orders = _insert(orders)
    by_id = {order.partner_id: order for order in orders}
    rows = Line.objects.bulk_create([_order_line(by_id[line.partner.pk], line) for line in lines])
    for order in orders:
        order.redeemed_lines = [row for row in rows if row.order_id == order.pk]
    return by_id


def _order_line(order: Order, line: RedemptionLine) -> Line:
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


def write_tickets(
    redemption: Redemption, lines: Sequence[RedemptionLine], orders: dict[int, Order], *, now: dt.datetime, actor: User
) -> list[Ticket]:
    """Write one ticket a unit of a service, one a line of goods."""
    today = timezone.localdate(now)
    tickets = []
    for line in lines:
        order = orders[line.partner.pk]
        row = next(
            redeemed_line for redeemed_line in order.redeemed_lines if redeemed_line.stockrecord_id == line.record.pk
        )
        shares = [1] * line.quantity if line.is_service else [line.quantity]
        tickets += [
            Ticket(
                code=codes.new_code(),
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
    tickets = _insert(tickets)
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
