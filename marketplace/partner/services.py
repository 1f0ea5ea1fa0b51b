"""Suppliers and prices: the only code that writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from marketplace.partner.errors import BadPrice
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import decimal_of
from timebank.ledger import services as ledger
from timebank.registry.services import record_audit

if TYPE_CHECKING:
    from marketplace.catalogue.models import Product
    from timebank.registry.models import Organisation, Region, User


def open_partner_accounts(*, partner: Partner) -> None:
    """Open the two ledger accounts of ``partner``: promised points and points handed over. Idempotent."""
    for key in (partner.escrow_key, partner.redeemed_key):
        ledger.open_account(key=key, kind="system", owner=f"partner:{partner.pk}", floor=None)


@transaction.atomic
def create_partner(
    *,
    name: str,
    village: Region,
    kind: str = Partner.Kind.SHOP,
    name_en: str = "",
    organisation: Organisation | None = None,
    place: str = "",
    phone: str = "",
    opening_hours: str = "",
) -> Partner:
    """Return the supplier ``name`` of ``village``, made with its ledger accounts if it is not there yet."""
    partner, __ = Partner.objects.get_or_create(
        village=village,
        name=name,
        defaults={
            "code": f"{village.code}-{kind}-{Partner.objects.filter(village=village).count() + 1}",
            "kind": kind,
            "name_en": name_en,
            "organisation": organisation,
            "place": place,
            "phone": phone,
            "opening_hours": opening_hours,
        },
    )
    open_partner_accounts(partner=partner)
    return partner


@transaction.atomic
def list_reward(*, product: Product, partner: Partner, points: int, sku: str = "") -> StockRecord:
    """Return the stock record of ``product`` at ``partner``, made at ``points`` (1/100 point) if it is not there.

    Goods begin with none in stock: receipts bring them. Raises BadPrice.
    """
    if points < 0 or points % settings.POINT_PRICE_STEP:
        raise BadPrice(points=points)
    tracked = product.get_product_class().track_stock
    record, __ = StockRecord.objects.get_or_create(
        partner=partner,
        partner_sku=sku or product.upc or str(product.pk),
        defaults={
            "product": product,
            "price": decimal_of(points),
            "price_currency": "PTS",
            "num_in_stock": 0 if tracked else None,
        },
    )
    return record


@transaction.atomic
def set_price(*, stockrecord: StockRecord, points: int, actor: User | None = None, reason: str = "") -> StockRecord:
    """Set the price to ``points`` (1/100 point). Raises BadPrice unless it is a whole number of price steps."""
    if points < 0 or points % settings.POINT_PRICE_STEP:
        raise BadPrice(points=points)
    locked = (
        StockRecord.objects.select_for_update(of=("self",)).select_related("partner__village").get(pk=stockrecord.pk)
    )
    facts = {"from": str(locked.price), "to": str(decimal_of(points))}
    StockRecord.objects.filter(pk=locked.pk).update(price=decimal_of(points))
    record_audit(
        actor=actor,
        action="set_price",
        subject=f"stockrecord:{locked.pk}",
        region=locked.partner.village,
        reason=reason,
        facts=facts,
    )
    stockrecord.refresh_from_db(fields=["price"])
    return stockrecord


@transaction.atomic
def update_partner(*, partner: Partner, actor: User | None = None, **facts: Any) -> Partner:
    """Change what is known about a supplier (name, kind, place, phone, hours, organisation, open or not)."""
    changed = {name: str(value) for name, value in facts.items() if getattr(partner, name) != value}
    for name, value in facts.items():
        setattr(partner, name, value)
    partner.save()
    if changed:
        record_audit(
            actor=actor,
            action="update_partner",
            subject=f"partner:{partner.pk}",
            region=partner.village,
            facts=changed,
        )
    return partner
