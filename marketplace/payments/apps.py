"""Payments: money that comes in by Stripe, bank or cash, goes back, is doubted, and must agree with the provider."""

from __future__ import annotations

from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from timebank.common import contract


class PaymentsConfig(contract.AppContract):
    name = "marketplace.payments"
    label = "payments"
    verbose_name = _("Payments received")

    urls_at = {"": "marketplace.payments.urls"}
    menus = "marketplace.payments.navigation.MENUS"
    beat = {
        "process Stripe's events": ("marketplace.payments.tasks.task_process_events", 60),
        "compare with the payment service": ("marketplace.payments.tasks.task_nightly", crontab(hour=19, minute=10)),
    }  # 19:10 UTC is 03:10 in Shanghai
    sweeps = "marketplace.payments.sweeps.SWEEPS"
    processes = {"practice payments": "marketplace.payments.providers.practice_process"}
    setting_checks = ("marketplace.payments.checks.check_settings", "marketplace.payments.checks.check_deployment")
    append_only = "marketplace.payments.guards.APPEND_ONLY"
