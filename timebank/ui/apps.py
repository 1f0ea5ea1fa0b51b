from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class UiConfig(AppContract):
    name = "timebank.ui"
    label = "ui"
    verbose_name = _("Appearance")
    urls_at = {"": "timebank.ui.urls"}
