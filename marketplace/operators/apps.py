"""For platform operators only: rewards, suppliers and orders on pages of ours; none of Oscar's own dashboard pages.

Oscar's pages load jQuery from another host, edit stock and currency as plain numbers, hand out passwords and refunds,
and lack a tenth of the Chinese. Their URL names are kept where a page of ours does the same work.
"""

from __future__ import annotations

from typing import Any

from oscar.apps.dashboard import apps

from timebank.common.contract import AppContract


class DashboardConfig(AppContract, apps.DashboardConfig):
    name = "marketplace.operators"
    menus = "marketplace.operators.navigation.MENUS"

    def ready(self) -> None:
        from django.apps import apps as registry

        self.catalogue_app = registry.get_app_config("catalogue_dashboard")
        self.orders_app = registry.get_app_config("orders_dashboard")

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
