"""For platform operators only: rewards, suppliers and orders on pages of ours; none of Oscar's own dashboard pages.

Oscar's pages load jQuery from another host, edit stock and currency as plain numbers, hand out passwords and refunds,
and lack a tenth of the Chinese. Their URL names are kept where a page of ours does the same work.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oscar.apps.dashboard import apps


def is_operator(request: Any) -> bool:
    """Say whether the reader runs the platform."""
    return bool(request.user.is_authenticated and request.user.is_staff)


class DashboardConfig(apps.DashboardConfig):
    name = "marketplace.operators"

    def ready(self) -> None:
        from django.apps import apps as registry

        from timebank.ui import menus

        self.catalogue_app = registry.get_app_config("catalogue_dashboard")
        self.orders_app = registry.get_app_config("orders_dashboard")
        places = [
            ("operators", _("Overview"), "index", "chart", ()),
            (
                "op-rewards",
                _("Rewards"),
                "catalogue-product-list",
                "gift",
                ("catalogue-product", "catalogue-product-create", "catalogue-product-list-at", "catalogue-stock"),
            ),
            (
                "op-categories",
                _("Categories"),
                "catalogue-category-list",
                "list",
                ("catalogue-category-create", "catalogue-category-update"),
            ),
            ("op-suppliers", _("Suppliers"), "partner-list", "shop", ("partner-create", "partner-manage")),
            ("op-orders", _("Orders"), "order-list", "basket", ("order-detail",)),
        ]
        for order, (key, label, name, icon, match) in enumerate(places, start=90):
            menus.register(
                "desk",
                key,
                label,
                f"dashboard:{name}",
                icon=icon,
                order=order,
                visible=is_operator,
                group=_("Operators"),
                match=tuple(f"dashboard:{item}" for item in match),
            )

    def get_urls(self) -> list[Any]:
        from django.urls import include, path

        from marketplace.operators import views

        return [
            path("", views.IndexView.as_view(), name="index"),
            path("catalogue/", include(self.catalogue_app.urls[0])),
            path("orders/", include(self.orders_app.urls[0])),
            path("partners/", views.PartnerListView.as_view(), name="partner-list"),
            path("partners/create/", views.PartnerCreateView.as_view(), name="partner-create"),
            path("partners/<id:pk>/", views.PartnerManageView.as_view(), name="partner-manage"),
        ]
