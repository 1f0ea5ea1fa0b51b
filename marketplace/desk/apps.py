"""The village admin's desk, and the demo."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    name = "marketplace.desk"
    label = "desk"
    verbose_name = _("Village desk")

    def ready(self) -> None:
        from marketplace.desk import navigation

        navigation.register()
