"""Service: teams, activities, sign-up, attendance, records, verification, notice, credit."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.contract import AppContract


class ServiceConfig(AppContract):
    name = "timebank.service"
    label = "service"
    verbose_name = _("Voluntary service")
    urls_at = {"": "timebank.service.urls"}
    menus = "timebank.service.navigation.MENUS"
    page_counts = {"led teams": "timebank.service.navigation.led_teams"}
    start_pages = "timebank.service.duties.START_PAGES"
    duties = "timebank.service.duties.DUTIES"
    ledger_sources = {"record": "timebank.service.sources.describe_records"}
    audit_labels = "timebank.service.words.AUDIT_LABELS"
    export_section = "timebank.service.exports.section"
    append_only = "timebank.service.guards.APPEND_ONLY"
    panels = {"notice_sheet": "timebank.service.panels.on_notice_sheet"}
    on_merge = "timebank.service.services.merging.join_hours"
    personal_work = "timebank.service.services.handover.PERSONAL_WORK"
    sweeps = "timebank.service.sweeps.SWEEPS"
    beat = {"close the year": ("timebank.service.tasks.task_close_year", 24 * 60 * 60)}
