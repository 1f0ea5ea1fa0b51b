"""Sponsors: who gives, what is asked for, promised and brought, and what became of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class SponsorsConfig(AppContract):
    name = "marketplace.sponsors"
    label = "sponsors"
    default = True  # the contract that it extends is a config too
    verbose_name = _("Sponsors")
    urls_at = {"": "marketplace.sponsors.urls"}
    menus = "marketplace.sponsors.navigation.MENUS"
    start_pages = "marketplace.sponsors.duties.START_PAGES"
    duties = "marketplace.sponsors.duties.DUTIES"
    audit_labels = "marketplace.sponsors.words.AUDIT_LABELS"
    append_only = "marketplace.sponsors.guards.APPEND_ONLY"
    sweeps = "marketplace.sponsors.sweeps.SWEEPS"
    panels = {
        "reward": "marketplace.sponsors.panels.of_rewards",
        "ticket": "marketplace.sponsors.panels.of_tickets",
    }

    def ready(self) -> None:
        from marketplace.sponsors import money

        money.register()
