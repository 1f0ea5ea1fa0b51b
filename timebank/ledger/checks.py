"""System checks of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import Tags, register
from django.db import connections


@register(Tags.database)
def check_transactions(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn of an SQLite on which two writers fail instead of waiting for each other."""
    warnings: list[checks.CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        options = connection.settings_dict.get("OPTIONS", {})
        if connection.vendor == "sqlite" and str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
            warnings.append(
                checks.Warning(
                    "SQLite does not open its transactions IMMEDIATE: two writers may fail instead of waiting.",
                    hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE".',
                    id="ledger.W001",
                )
            )
    return warnings
