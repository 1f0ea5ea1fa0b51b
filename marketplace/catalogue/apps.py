"""Rewards carry a kind, limits, a least star and a search text; plain database lists instead of haystack."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oscar.apps.catalogue import apps
from oscar.core.loading import get_class


class CatalogueConfig(apps.CatalogueConfig):
    name = "marketplace.catalogue"

    def ready(self) -> None:
        from timebank.ui import menus

        super().ready()
        self.detail_view = get_class("catalogue.views", "ProductDetailView")
        for area in ("resident", "public"):
            menus.register(
                area,
                "redeem",
                _("Redeem"),
                "catalogue:index",
                icon="gift",
                order=20,
                match=("catalogue", "basket", "rewards:confirm"),
            )

    def get_urls(self) -> list[Any]:
        """The shelf, a category, a reward. Ranges belong to offers, reviews to nobody here."""
        from django.urls import path, re_path

        return self.post_process_urls(
            [
                path("", self.catalogue_view.as_view(), name="index"),
                re_path(r"^(?P<product_slug>[\w-]*)_(?P<pk>\d+)/$", self.detail_view.as_view(), name="detail"),
                re_path(
                    r"^category/(?P<category_slug>[\w-]+(/[\w-]+)*)_(?P<pk>\d+)/$",
                    self.category_view.as_view(),
                    name="category",
                ),
            ]
        )
