"""Funds: the money behind the points, and what suppliers are owed for what they hand over."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class FundsConfig(AppContract):
    name = "marketplace.funds"
    label = "funds"
    default = True  # the contract that it extends is a config too
    verbose_name = _("Funds")
    urls_at = {"": "marketplace.funds.urls"}
    menus = "marketplace.funds.navigation.MENUS"
    start_pages = "marketplace.funds.navigation.START_PAGES"
    duties = "marketplace.funds.duties.DUTIES"
    beat = {
        "prices of the day": ("marketplace.funds.tasks.task_reprice", 60 * 60),
    }
    sweeps = "marketplace.funds.sweeps.SWEEPS"
    founding_steps = "marketplace.funds.founding.STEPS"
    append_only = "marketplace.funds.guards.APPEND_ONLY"
