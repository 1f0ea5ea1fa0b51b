"""Funds: the money behind the points, and what suppliers are owed for what they hand over."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class FundsConfig(AppContract):
    name = "marketplace.funds"
    label = "funds"
    verbose_name = _("Funds")
