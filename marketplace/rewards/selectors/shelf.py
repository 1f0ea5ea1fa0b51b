"""A few rewards for the first page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from marketplace.partner.models import StockRecord
from marketplace.partner.prices import decimal_of
from marketplace.partner.strategy import Points


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward on the first page; prices in 1/100 point."""

    href: str
    title: str
    place: str
    picture: str
    points: int
    old_points: int | None


def rewards_within(strategy: Points, spendable: int | None, limit: int) -> list[Offer]:
    """List rewards that this reader can have now: in reach, in stock, within their points; services and goods mixed.

    Without ``spendable`` any price will do.
    """
    records = strategy.stockrecords(StockRecord.objects.all()).filter(
        Q(product__product_class__track_stock=False) | Q(num_in_stock__gt=0), product__is_public=True
    )
    if spendable is not None:
        # A star discount can only bring more within reach; the list price is what the database can compare.
        records = records.filter(price__lte=decimal_of(spendable * 2), product__min_star__lte=strategy.star)
    records = records.select_related("partner__village", "product__product_class").prefetch_related("product__images")
    chosen: dict[str, list[Offer]] = {}
    seen: set[int] = set()
    for record in records.order_by("product_id", "-partner__village__depth", "price", "pk")[: limit * 12]:
        if record.product_id in seen:
            continue
        info = strategy.fetch_for_product(record.product, record)
        if not info.availability.is_available_to_buy or (spendable is not None and info.price.points > spendable):
            continue
        seen.add(record.product_id)
        chosen.setdefault(record.product.kind, []).append(_offer(record, info))
    return _mix(list(chosen.values()), limit)


def _offer(record: StockRecord, info: Any) -> Offer:
    product = record.product
    return Offer(
        href=product.get_absolute_url(),
        title=product.get_title(),
        place=record.partner.display_name,
        picture=product.picture_url,
        points=info.price.points,
        old_points=info.price.old_points,
    )


def _mix(kinds: list[list[Offer]], limit: int) -> list[Offer]:
    """Take turns between kinds, the dearest of each first: what the points are worth shows best."""
    for offers in kinds:
        offers.sort(key=lambda offer: -offer.points)
    mixed: list[Offer] = []
    while any(kinds) and len(mixed) < limit:
        for offers in kinds:
            if offers and len(mixed) < limit:
                mixed.append(offers.pop(0))
    return mixed
