"""What goes into a basket and out of it: the only code that writes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from marketplace.basket.errors import LimitReached, NoResident, NotAvailable
from marketplace.basket.models import Basket, Line
from marketplace.catalogue.selectors import limit_words
from marketplace.partner.errors import OutOfStock

if TYPE_CHECKING:
    from marketplace.catalogue.models import Product


def _check(*, basket: Basket, product: Product, info: object, quantity: int) -> None:
    """Refuse early what the redemption would refuse; it looks again under its own locks."""
    if basket.strategy.resident is None:
        raise NoResident
    availability = info.availability  # type: ignore[attr-defined]
    if not availability.is_available_to_buy and availability.code != "outofstock":
        raise NotAvailable(availability.message, code=availability.code)
    left = getattr(availability, "num_available", None)
    if left is not None and quantity > left:
        raise OutOfStock(product_id=product.pk, quantity=quantity)
    if product.per_resident_limit and quantity > product.per_resident_limit:
        words = limit_words(product)
        raise LimitReached(_("One resident may have %(limit)s.") % {"limit": words}, limit=product.per_resident_limit)


@transaction.atomic
def add_to_basket(*, basket: Basket, product: Product, quantity: int = 1) -> Line:
    """Put ``quantity`` more of ``product`` into ``basket``, priced by the basket's strategy.

    Raises BasketClosed, NoResident, NotAvailable, OutOfStock, LimitReached, and then nothing has changed.
    """
    info = basket.strategy.fetch_for_product(product)
    within = 0
    if basket.pk and info.stockrecord is not None:
        within = basket.lines.filter(stockrecord=info.stockrecord).aggregate(total=Sum("quantity"))["total"] or 0
    _check(basket=basket, product=product, info=info, quantity=within + quantity)
    line, __ = basket.add_product(product, quantity, info=info)
    return line


@transaction.atomic
def set_quantity(*, basket: Basket, line: Line, quantity: int) -> Line | None:
    """Set how many of ``line``; none takes it out and returns None. Fewer is always allowed. Raises as above."""
    basket.refuse_unless_open()
    line.basket = basket
    if quantity <= 0:
        line.delete()
        basket.reset_offer_applications()
        return None
    if quantity > line.quantity:
        info = basket.strategy.fetch_for_line(line)
        _check(basket=basket, product=line.product, info=info, quantity=quantity)
    line.quantity = quantity
    line.save(update_fields=["quantity", "date_updated"])
    basket.reset_offer_applications()
    return line
