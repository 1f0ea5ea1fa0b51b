"""Villages: the first run, founding a village, its office and help telephone."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class VillagesConfig(AppContract):
    name = "timebank.villages"
    label = "villages"
    default = True  # the contract that it extends is a config too
    verbose_name = _("Villages")
    urls_at = {"": "timebank.villages.urls"}
    menus = "timebank.villages.navigation.MENUS"
    page_context = {"help_office": "timebank.villages.selectors.help_office"}
    duties = "timebank.villages.duties.DUTIES"
    audit_labels = "timebank.villages.words.AUDIT_LABELS"
    append_only = "timebank.villages.guards.APPEND_ONLY"
    ledger_sources = {"opening": "timebank.villages.sources.describe_openings"}
    panels = {
        "hours": "timebank.villages.panels.on_hours",
        "desk": "timebank.villages.panels.on_desk",
        "planning": "timebank.villages.panels.on_planning",
    }
    export_section = "timebank.villages.panels.in_export"
    in_preparation = "timebank.villages.selectors.in_preparation"
    founding_steps = "timebank.villages.steps.STEPS"
    greeting = "timebank.villages.services.greeting"
