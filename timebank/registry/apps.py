"""People and places: regions, residents, households, cards, roles, organisations, consent."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class RegistryConfig(AppContract):
    name = "timebank.registry"
    label = "registry"
    verbose_name = _("People and places")
    urls_at = {"": "timebank.registry.urls"}
    menus = "timebank.registry.navigation.MENUS"
    page_context = {
        "village": "timebank.registry.navigation.village",
        "acting_for": "timebank.registry.navigation.acting_for",
        "start_url": "timebank.registry.navigation.start_url",
    }
    duties = "timebank.registry.duties.DUTIES"
    ledger_sources = {"resident": "timebank.registry.sources.describe_residents"}
    audit_labels = "timebank.registry.words.AUDIT_LABELS"
    export_section = "timebank.registry.exports.section"
    sweeps = "timebank.registry.sweeps.SWEEPS"
    setting_checks = ("timebank.registry.checks.check_second_factor",)
    append_only = "timebank.registry.guards.APPEND_ONLY"

    def ready(self) -> None:
        from timebank.registry import roles

        user_logged_in.connect(_signed_in, dispatch_uid="timebank.registry.signed_in")
        post_migrate.connect(roles.after_migrate, sender=self, dispatch_uid="timebank.registry.roles")


def _signed_in(sender: Any, user: Any, **kwargs: Any) -> None:
    """Take a first sign-in for the confirmation that the person is there, and start counting the session."""
    from timebank.registry import sessions
    from timebank.registry.services.confirmation import confirm_by_sign_in

    confirm_by_sign_in(user=user)
    request = kwargs.get("request")
    if request is not None and hasattr(request, "session"):
        sessions.begin(request, user)
