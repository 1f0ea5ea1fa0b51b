"""One order has one supplier and belongs to a redemption; numbers are random; states change once."""

from __future__ import annotations

from oscar.apps.order import apps


class OrderConfig(apps.OrderConfig):
    name = "marketplace.order"
