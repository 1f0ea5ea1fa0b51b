"""Rewards carry a kind, limits, a least star and a search text; plain database lists instead of haystack."""

from __future__ import annotations

from typing import Any

from oscar.apps.catalogue import apps
from oscar.core.loading import get_class

from timebank.common.contract import AppContract


class CatalogueConfig(AppContract, apps.CatalogueConfig):
    name = "marketplace.catalogue"
    menus = "marketplace.catalogue.navigation.MENUS"

    def ready(self) -> None:
        super().ready()
        self.detail_view = get_class("catalogue.views", "ProductDetailView")

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
