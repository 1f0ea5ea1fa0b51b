"""Redemption, tickets, stock movements: the heart of the market."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "marketplace.rewards"
    label = "rewards"
    verbose_name = _("Redemptions")
