"""Redemption, tickets, stock movements: the heart of the market."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class RewardsConfig(AppContract):
    name = "marketplace.rewards"
    label = "rewards"
    verbose_name = _("Redemptions")
    urls_at = {"": "marketplace.rewards.urls"}
    menus = "marketplace.rewards.navigation.MENUS"
    page_counts = {"tickets": "marketplace.rewards.navigation.waiting"}
    duties = "marketplace.rewards.duties.DUTIES"
    ledger_sources = {
        "redemption": "marketplace.rewards.sources.describe_redemptions",
        "ticket": "marketplace.rewards.sources.describe_tickets",
    }
    export_section = "marketplace.rewards.exports.section"
    panels = {"me": "marketplace.rewards.panels.my_points", "reward_gone": "marketplace.rewards.panels.restock_wish"}
    audit_labels = "marketplace.rewards.words.AUDIT_LABELS"
    founding_steps = "marketplace.rewards.founding.STEPS"
    sweeps = "marketplace.rewards.sweeps.SWEEPS"
    append_only = "marketplace.rewards.guards.APPEND_ONLY"

    def ready(self) -> None:
        from marketplace.funds.selectors import equation
        from marketplace.rewards.selectors.money import ticket_differences

        equation.register("tickets", ticket_differences)
