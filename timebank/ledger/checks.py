"""System checks of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from timebank.ledger import guards


@register(Tags.database)
def check_guards(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Fail when a trigger that protects history is missing."""
    result: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if not all(guard.table in guards.tables_present(alias) for guard in guards.TABLES):
            continue
        for table, name in guards.missing(alias):
            result.append(
                Error(
                    f"{name} ({table}) is missing or not as it was written: history could be changed.",
                    hint="Run manage.py migrate, which installs it again.",
                    id="ledger.E001",
                )
            )
        options = connection.settings_dict.get("OPTIONS", {})
        if connection.vendor == "sqlite" and str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
            result.append(
                checks.Warning(
                    "SQLite does not open its transactions IMMEDIATE: two writers may fail instead of waiting.",
                    hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE".',
                    id="ledger.W001",
                )
            )
    return result
