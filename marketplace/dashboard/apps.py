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
    name = "marketplace.dashboard"

    def ready(self) -> None:
        from django.apps import apps as registry

        from timebank.face import nav

        self.catalogue_app = registry.get_app_config("catalogue_dashboard")
        self.orders_app = registry.get_app_config("orders_dashboard")
        for order, (key, label, url_name, icon) in enumerate(
            [
                ("operators", _("Overview"), "dashboard:index", "chart"),
                ("op-rewards", _("Rewards"), "dashboard:catalogue-product-list", "gift"),
                ("op-categories", _("Categories"), "dashboard:catalogue-category-list", "list"),
                ("op-suppliers", _("Suppliers"), "dashboard:partner-list", "shop"),
                ("op-orders", _("Orders"), "dashboard:order-list", "basket"),
            ]
        ):
            nav.register(
                "desk", key, label, url_name, icon=icon, order=90 + order, visible=is_operator, group=_("Operators")
            )

    def get_urls(self) -> list[Any]:
        from django.urls import include, path

        from marketplace.dashboard import views

        return [
            path("", views.IndexView.as_view(), name="index"),
            path("catalogue/", include(self.catalogue_app.urls[0])),
            path("orders/", include(self.orders_app.urls[0])),
            path("partners/", views.PartnerListView.as_view(), name="partner-list"),
            path("partners/create/", views.PartnerCreateView.as_view(), name="partner-create"),
            path("partners/<int:pk>/", views.PartnerManageView.as_view(), name="partner-manage"),
        ]
