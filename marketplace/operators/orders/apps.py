"""Orders are read here; cancelling and handing over go through the rewards services."""

from __future__ import annotations

from typing import Any

from oscar.apps.dashboard.orders import apps


class OrdersDashboardConfig(apps.OrdersDashboardConfig):
    name = "marketplace.operators.orders"

    def ready(self) -> None:
        """Load nothing of Oscar's: refunds, shipping events and addresses have no page here."""

    def get_urls(self) -> list[Any]:
        from django.urls import path

        from marketplace.operators.orders import views

        return [
            path("", views.OrderListView.as_view(), name="order-list"),
            path("<str:number>/", views.OrderDetailView.as_view(), name="order-detail"),
        ]
