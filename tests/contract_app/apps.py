"""An app that declares one of each thing of the contract; the suite walks what came of it."""

from __future__ import annotations

from timebank.common.contract import AppContract


class BeesConfig(AppContract):
    name = "tests.contract_app"
    label = "bees"
    default_auto_field = "django.db.models.BigAutoField"

    urls_at = {"bees/": "tests.contract_app.urls"}
    menus = "tests.contract_app.declared.MENUS"
    start_pages = "tests.contract_app.declared.START_PAGES"
    duties = "tests.contract_app.declared.DUTIES"
    page_context = {"bees_season": "tests.contract_app.declared.season"}
    page_counts = {"hives": "tests.contract_app.declared.to_count"}
    panels = {"me": "tests.contract_app.declared.panel"}
    audit_labels = "tests.contract_app.declared.AUDIT_LABELS"
    export_section = "tests.contract_app.declared.export"
    ledger_sources = {"hive": "tests.contract_app.declared.describe"}
    desk_tiles = "tests.contract_app.declared.TILES"
    health_checks = {"bees": "tests.contract_app.declared.health"}
    append_only = "tests.contract_app.guards.APPEND_ONLY"
    sweeps = "tests.contract_app.declared.SWEEPS"
    beat = {"count bees": ("tests.contract_app.declared.count", 3600)}
    texts_by = "tests.contract_app.declared.text_sender"
    listens_to = {"bee_seen": "tests.contract_app.declared.hear"}
    founding_steps = "tests.contract_app.declared.FOUNDING"
    personal_work = "tests.contract_app.declared.PERSONAL_WORK"
    on_merge = "tests.contract_app.declared.join_hives"
    in_preparation = "tests.contract_app.declared.is_unbuilt"
    greeting = "tests.contract_app.declared.greet"
    processes = {"bee counter": "tests.contract_app.declared.process"}
    setting_checks = ("tests.contract_app.declared.check_settings",)
