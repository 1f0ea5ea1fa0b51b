"""Service: teams, activities, sign-up, attendance, records, verification, notice, credit."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServiceConfig(AppConfig):
    name = "timebank.service"
    label = "service"
    verbose_name = _("Voluntary service")

    def ready(self) -> None:
        from timebank.service import navigation

        navigation.register()
