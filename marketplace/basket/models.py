"""Oscar's tables, with lines that come in few queries and a basket that never changes once it is redeemed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from oscar.apps.basket.abstract_models import AbstractBasket, AbstractLine

from marketplace.basket.errors import BasketClosed


class Basket(AbstractBasket):
    _adding = False  # the database was just asked whether it is open
    _info: Any = None

    def all_lines(self) -> Any:
        """Return the lines, cached, with everything that pricing and the page read."""
        if self.pk is None or self._lines is not None:
            return super().all_lines()
        self._lines = (
            self.lines.select_related(
                "product__product_class",
                "product__parent__product_class",
                "stockrecord__partner__village",
            )
            .prefetch_related("product__images")
            .order_by("pk")
        )
        return self._lines

    @property
    def currency(self) -> str:
        """Name what all is priced in: no line has to be read for it."""
        return str(settings.OSCAR_DEFAULT_CURRENCY)

    def refuse_unless_open(self) -> None:
        """Raise BasketClosed unless the row in the database may still change."""
        if self.pk and not type(self).objects.filter(pk=self.pk, status__in=self.editable_statuses).exists():
            raise BasketClosed

    def add_product(self, product: Any, quantity: int = 1, options: Any = None, *, info: Any = None) -> Any:
        """Put more of a product in; ``info``: how the caller priced it just now, so that nothing is read twice."""
        self.refuse_unless_open()
        self._adding, self._info = True, info
        try:
            return super().add_product(product, quantity, options)
        finally:
            self._adding, self._info = False, None

    def get_stock_info(self, product: Any, options: Any) -> Any:
        return self._info or super().get_stock_info(product, options)

    add_product.alters_data = True
    add = add_product

    def flush(self) -> None:
        self.refuse_unless_open()
        super().flush()

    def thaw(self) -> None:
        """Open a frozen basket again; one that was submitted stays submitted whatever Oscar's error paths do."""
        type(self).objects.filter(pk=self.pk, status=self.FROZEN).update(status=self.OPEN)
        self.refresh_from_db(fields=["status"])

    thaw.alters_data = True

    def is_shipping_required(self) -> bool:
        return False


class Line(AbstractLine):
    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.basket._adding:
            self.basket.refuse_unless_open()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        self.basket.refuse_unless_open()
        return super().delete(*args, **kwargs)


from oscar.apps.basket.models import *
