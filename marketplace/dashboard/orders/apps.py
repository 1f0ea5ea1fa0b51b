"""Orders are read here; cancelling and handing over go through the rewards services."""

from __future__ import annotations

from oscar.apps.dashboard.orders import apps


class OrdersDashboardConfig(apps.OrdersDashboardConfig):
    name = "marketplace.dashboard.orders"
