"""Earning policy: versioned schemes and the pure engine that prices a record."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PolicyConfig(AppConfig):
    name = "timebank.policy"
    label = "policy"
    verbose_name = _("Earning policy")
