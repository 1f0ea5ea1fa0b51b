"""``migrate`` that first puts missing guards back: its own system check would otherwise refuse to start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from timebank.common import guards

#: Rows may be read and written, and no table altered or emptied: the triggers stand whoever signs in.
GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public FROM {role};
"""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; then give the application's role what it needs, where the tables have another owner."""
        super().handle(*args, **options)
        connection = connections[options["database"]]
        if settings.DATABASE_APP_ROLE and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(GRANTS.format(role=connection.ops.quote_name(settings.DATABASE_APP_ROLE)))

    def check(self, *args: Any, **kwargs: Any) -> None:
        for alias in kwargs.get("databases") or []:
            guards.ALL.install(alias)
        super().check(*args, **kwargs)
