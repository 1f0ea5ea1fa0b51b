"""Lines come with all that pricing reads; a submitted basket never changes; POST only."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oscar.apps.basket import apps
from oscar.core.loading import get_class


class BasketConfig(apps.BasketConfig):
    name = "marketplace.basket"

    def ready(self) -> None:
        from marketplace.basket.selectors import count_of
        from timebank.registry.selectors import acting_resident
        from timebank.ui import menus

        self.summary_view = get_class("basket.views", "BasketView")
        self.add_view = get_class("basket.views", "BasketAddView")
        self.line_view = get_class("basket.views", "BasketLineView")
        menus.register(
            "top",
            "basket",
            _("Basket"),
            "basket:summary",
            icon="basket",
            order=10,
            visible=lambda request: request.user.is_authenticated and acting_resident(request) is not None,
            count=count_of,
        )

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
