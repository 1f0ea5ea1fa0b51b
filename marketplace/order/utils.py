"""Oscar's order writer: one supplier an order, a random number, titles in Chinese whoever acts."""

from __future__ import annotations

from typing import Any

from django.utils import translation
from oscar.apps.order import utils as oscar

from marketplace.order.errors import OneSupplier
from marketplace.order.numbers import new_number


class OrderNumberGenerator(oscar.OrderNumberGenerator):
    def order_number(self, basket: Any = None) -> str:
        """Return a number that no order has yet. The unique column decides in the end."""
        number = new_number()
        while oscar.Order.objects.filter(number=number).exists():
            number = new_number()
        return number


class OrderCreator(oscar.OrderCreator):
    """Write an order for a basket whose lines are all one supplier's.

    ``place_order(..., redemption=, partner=, village=, surcharges=None)``: the extra fields go to the order.
    """

    def place_order(self, basket: Any, total: Any, *args: Any, **kwargs: Any) -> Any:
        suppliers = {line.stockrecord.partner_id for line in basket.all_lines()}
        if "partner" not in kwargs and len(suppliers) == 1:
            kwargs["partner"] = basket.all_lines()[0].stockrecord.partner
        if len(suppliers) > 1 or (suppliers and kwargs["partner"].pk not in suppliers):
            raise OneSupplier
        if "village" not in kwargs:
            redemption = kwargs.get("redemption")
            kwargs["village"] = redemption.village if redemption else kwargs["partner"].village
        kwargs.setdefault("order_number", OrderNumberGenerator().order_number())
        with translation.override("zh-hans"):
            return super().place_order(basket, total, *args, **kwargs)
