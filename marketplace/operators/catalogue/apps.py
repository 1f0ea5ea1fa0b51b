"""Forms without currency and stock figures; descriptions cleaned; no bulk prices; nothing is deleted."""

from __future__ import annotations

from typing import Any

from oscar.apps.dashboard.catalogue import apps


class CatalogueDashboardConfig(apps.CatalogueDashboardConfig):
    name = "marketplace.operators.catalogue"

    def ready(self) -> None:
        """Load nothing of Oscar's: its forms write currency, counters and raw HTML."""

    def get_urls(self) -> list[Any]:
        from django.urls import path

        from marketplace.operators.catalogue import views

        return [
            path("", views.ProductListView.as_view(), name="catalogue-product-list"),
            path("products/create/", views.ProductCreateView.as_view(), name="catalogue-product-create"),
            path("products/<id:pk>/", views.ProductView.as_view(), name="catalogue-product"),
            path("products/<id:pk>/list/", views.ListingView.as_view(), name="catalogue-product-list-at"),
            path("stock/<id:pk>/", views.PriceView.as_view(), name="catalogue-stock"),
            path("categories/", views.CategoryListView.as_view(), name="catalogue-category-list"),
            path("categories/create/", views.CategoryCreateView.as_view(), name="catalogue-category-create"),
            path("categories/<id:pk>/update/", views.CategoryUpdateView.as_view(), name="catalogue-category-update"),
        ]
