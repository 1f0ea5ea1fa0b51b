"""``migrate`` that first puts missing guards back: its own system check would otherwise refuse to start."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from timebank.common import guards


class Command(migrate.Command):
    def check(self, *args: Any, **kwargs: Any) -> None:
        for alias in kwargs.get("databases") or []:
            guards.ALL.install(alias)
        super().check(*args, **kwargs)
