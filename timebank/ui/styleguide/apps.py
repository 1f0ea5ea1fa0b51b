"""Every component once, to look at and to test: installed where somebody develops or looks at the demo."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class StyleguideConfig(AppContract):
    name = "timebank.ui.styleguide"
    label = "styleguide"
    verbose_name = _("Style guide")
    urls_at = {"styleguide/": "timebank.ui.styleguide.urls"}
