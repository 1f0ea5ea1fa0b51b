"""Forms without currency and stock figures; descriptions cleaned; no bulk prices."""

from __future__ import annotations

from oscar.apps.dashboard.catalogue import apps


class CatalogueDashboardConfig(apps.CatalogueDashboardConfig):
    name = "marketplace.dashboard.catalogue"
