"""The demo: two towns with real places and rules and invented people, lived day by day through the public services.

Installed only where ``DEMO`` is set. Nothing else knows of it: the sign-in page takes its people by a panel.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class DemoConfig(AppContract):
    name = "marketplace.demo"
    label = "demo"
    verbose_name = _("Demo")
    panels = {"sign_in": "marketplace.demo.panels.people_to_try"}
    greeting = "marketplace.demo.selectors.greeting"
