"""What a clerk sees at one counter."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from marketplace.catalogue.models import Product
from marketplace.catalogue.selectors import matching
from marketplace.catalogue.text import fold as search_fold
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.strategy import Selector
from marketplace.rewards.models import Redemption, Scan, Ticket
from marketplace.rewards.rules import HAND_OVER
from marketplace.rewards.selectors import counters_of
from marketplace.rewards.services.handing_over import can_undo
from timebank.common.input import digits, fold
from timebank.registry.models import Card, Resident, User
from timebank.registry.selectors import TAIL


def counter_for(user: User, pk: int, action: str = HAND_OVER) -> Partner:
    """Return a counter at which ``user`` serves; 404 to anybody else."""
    counters = counters_of(user, action).filter(pk=pk).first()
    if counters is None:
        raise Http404
    return counters


def scan_for(user: User, partner: Partner, nonce: str) -> Scan | None:
    """Return one's own scan at this counter by its nonce."""
    scans = Scan.objects.filter(nonce=nonce, actor=user, partner=partner)
    return scans.select_related(
        "ticket__product", "ticket__partner", "ticket__resident", "earlier_by", "ticket__handed_over_by"
    ).first()


def scans_today(user: User, partner: Partner, limit: int = 12) -> list[Scan]:
    """List the last scans of today at this counter, newest first, with ``can_undo`` set for the latest of a ticket."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = list(
        Scan.objects.filter(partner=partner, occurred_at__gte=start)
        .select_related("ticket__product", "ticket__resident", "ticket__partner__village", "actor")
        .select_related("ticket__partner__organisation")
        .order_by("-occurred_at", "-pk")[:limit]
    )
    now = timezone.now()
    seen: set[int] = set()
    for scan in rows:
        scan.can_undo = False
        ticket = scan.ticket
        if scan.ok and ticket is not None and ticket.pk not in seen:
            seen.add(ticket.pk)
            scan.can_undo = ticket.handed_over_at == scan.occurred_at and can_undo(ticket, user, now)
            scan.is_undone = ticket.handed_over_at != scan.occurred_at
    return rows


def today_of(partner: Partner, day: dt.date | None = None) -> QuerySet[Ticket]:
    """Select what this counter handed over on ``day`` (today), newest first."""
    start = timezone.make_aware(dt.datetime.combine(day or timezone.localdate(), dt.time.min))
    return (
        Ticket.objects.filter(
            partner=partner, handed_over_at__gte=start, handed_over_at__lt=start + dt.timedelta(days=1)
        )
        .select_related("product", "resident", "handed_over_by", "redemption")
        .order_by("-handed_over_at", "-pk")
    )


def waiting_at(partner: Partner) -> int:
    """Count the tickets that wait to be collected here."""
    return waiting_tickets(partner).count()


def waiting_tickets(partner: Partner, text: str = "") -> QuerySet[Ticket]:
    """Select what waits to be collected here, what ends first on top.

    ``text`` narrows it to a holder's name, the last digits of the telephone, or a thing by name or pinyin.
    """
    tickets = Ticket.objects.filter(partner=partner, state=Ticket.State.ISSUED)
    if text:
        where = Q(product__in=matching(Product.objects.order_by(), text).values("pk"))
        if key := fold(text):
            where |= Q(resident__name_key__contains=key)
        if len(number := digits(text)) >= TAIL:
            where |= Q(resident__phone__endswith=number)
        tickets = tickets.filter(where)
    return tickets.select_related("product__parent", "resident").order_by("valid_until", "pk")


@dataclass(frozen=True, slots=True)
class Good:
    """Something that this counter sells, at the price of the card's holder (1/100 point)."""

    record: StockRecord
    points: int
    old_points: int | None
    quantity: int
    problem: str
    left: int | None

    @property
    def title(self) -> str:
        return str(self.record.product.get_title())

    @property
    def total(self) -> int:
        return self.points * self.quantity


def goods_of(partner: Partner, resident: Resident, wants: dict[int, int], query: str = "") -> list[Good]:
    """List what the counter sells, priced for the holder, with what is on the slip already."""
    records = _records(partner)
    if query:
        word = search_fold(query)
        records = records.filter(
            Q(product__search_text__contains=word) | Q(product__upc__iexact=query) | Q(partner_sku__iexact=query)
        )
    strategy = Selector().strategy(resident=resident)
    result = []
    for record in records.order_by("-product__product_class__kind", "product__upc", "pk"):
        info = strategy.fetch_for_product(record.product, record)
        quantity = wants.get(record.pk, 0)
        allowed, reason = info.availability.is_purchase_permitted(max(quantity, 1))
        left: Any = getattr(info.availability, "num_available", None)
        result.append(
            Good(record, info.price.points, info.price.old_points, quantity, "" if allowed else str(reason), left)
        )
    return result


def record_by_code(partner: Partner, code: str) -> StockRecord | None:
    """Find what a scanned barcode or a typed item number means at this counter."""
    if not code:
        return None
    records = _records(partner).filter(Q(product__upc__iexact=code) | Q(partner_sku__iexact=code))
    return records.order_by("pk").first()


def _records(partner: Partner) -> QuerySet[StockRecord]:
    return StockRecord.objects.filter(partner=partner, price__isnull=False, product__is_public=True).select_related(
        "partner__village", "partner__organisation", "product__product_class", "product__parent__product_class"
    )


def sale_for(partner: Partner, key: uuid.UUID) -> Redemption:
    """Return a redemption that was wholly this counter's; 404 otherwise."""
    redemption = Redemption.objects.filter(key=key).select_related("resident", "actor").first()
    if redemption is None or redemption.orders.exclude(partner=partner).exists() or not redemption.orders.exists():
        raise Http404
    return redemption


def is_card(number: str) -> bool:
    """Say whether this is the number of a card that is in use."""
    return Card.objects.filter(number=number, status=Card.Status.ACTIVE).exists()
