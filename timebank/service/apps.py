"""Service: teams, activities, sign-up, attendance, records, verification, notice, credit."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class ServiceConfig(AppContract):
    name = "timebank.service"
    label = "service"
    verbose_name = _("Voluntary service")
    append_only = "timebank.service.guards.APPEND_ONLY"

    def ready(self) -> None:
        from timebank.service import navigation

        navigation.register()
