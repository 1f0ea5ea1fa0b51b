"""For platform operators only: catalogue, suppliers and orders to look at, no money, no shared passwords."""

from __future__ import annotations

from oscar.apps.dashboard import apps


class DashboardConfig(apps.DashboardConfig):
    name = "marketplace.dashboard"
