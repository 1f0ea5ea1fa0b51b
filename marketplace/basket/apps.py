"""Lines come with all that pricing reads; a submitted basket never changes; POST only."""

from __future__ import annotations

from typing import Any

from oscar.apps.basket import apps
from oscar.core.loading import get_class

from timebank.common.contract import AppContract


class BasketConfig(AppContract, apps.BasketConfig):
    name = "marketplace.basket"
    menus = "marketplace.basket.navigation.MENUS"
    page_counts = {"basket": "marketplace.basket.selectors.to_count"}
    sweeps = "marketplace.basket.sweeps.SWEEPS"

    def ready(self) -> None:
        self.summary_view = get_class("basket.views", "BasketView")
        self.add_view = get_class("basket.views", "BasketAddView")
        self.line_view = get_class("basket.views", "BasketLineView")

    def get_urls(self) -> list[Any]:
        """The basket, adding, changing. Discount codes and saved baskets have no place here."""
        from django.urls import path

        return self.post_process_urls(
            [
                path("", self.summary_view.as_view(), name="summary"),
                path("add/<id:pk>/", self.add_view.as_view(), name="add"),
                path("line/<id:pk>/", self.line_view.as_view(), name="line"),
            ]
        )
