"""The counter of a supplier: scan, hand over, undo, sell by card."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class CounterConfig(AppContract):
    name = "marketplace.counter"
    label = "counter"
    verbose_name = _("Counter")
    urls_at = {"": "marketplace.counter.urls"}
    menus = "marketplace.counter.navigation.MENUS"
    start_pages = "marketplace.counter.duties.START_PAGES"
    duties = "marketplace.counter.duties.DUTIES"
