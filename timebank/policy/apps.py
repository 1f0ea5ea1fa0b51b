"""Earning policy: versioned schemes and the pure engine that prices a record."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class PolicyConfig(AppContract):
    name = "timebank.policy"
    label = "policy"
    verbose_name = _("Earning policy")
    append_only = "timebank.policy.guards.APPEND_ONLY"
