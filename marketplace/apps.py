"""Oscar's apps changed by configuration alone: same label and models, fewer doors, no surprises in `ready()`."""

from __future__ import annotations

from typing import Any

from oscar import config
from oscar.apps.analytics import apps as analytics

from timebank.common.contract import AppContract


class MarketplaceShop(AppContract, config.Shop):
    """Oscar's root with only the doors that the market uses.

    Accounts, checkout steps, offers, wish lists, password reset by e-mail and the rest have pages of ours or no
    place here.
    """

    urls_at = {"": "marketplace.urls"}

    def get_urls(self) -> list[Any]:
        from django.urls import path

        return [
            path("shop/", self.catalogue_app.urls),
            path("basket/", self.basket_app.urls),
            path("dashboard/", self.dashboard_app.urls),
        ]


class QuietAnalytics(analytics.AnalyticsConfig):
    """No counting: Oscar's receivers write inside the caller's transaction and swallow database errors there."""

    def ready(self) -> None:
        """Connect no receivers."""
