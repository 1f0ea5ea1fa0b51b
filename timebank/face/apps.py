from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FaceConfig(AppConfig):
    name = "timebank.face"
    label = "face"
    verbose_name = _("Appearance")
