"""People and places: regions, residents, households, cards, roles, organisations, consent."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "timebank.registry"
    label = "registry"
    verbose_name = _("People and places")
