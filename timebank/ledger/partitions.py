"""Postings are partitioned by range of ``id`` on PostgreSQL; on SQLite they are one plain table.

By id and not by month: a page of a statement and the tail of a balance read newest ids first and stop in the newest
partition, whatever their dates (docs/databases.md).
"""

from __future__ import annotations

import re
from typing import Any

from django.db import connections, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_PER_PARTITION = 10_000_000
AHEAD = 2


class CreatePartitionedModel(migrations.CreateModel):
    """Create a model whose table is partitioned by range of its ``id`` where the database can."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        statement, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{statement} PARTITION BY RANGE (id)", params or None)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))  # type: ignore[attr-defined]
        ensure_partitions(model._meta.db_table, schema_editor.connection.alias, newest=0)


def partitions_of(table: str, alias: str = "default") -> list[str]:
    """List the partitions of a table, oldest first; none on SQLite."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = %s",
            [table],
        )
        names = [str(name) for (name,) in cursor.fetchall()]
    return sorted(names, key=lambda name: int(re.sub(r"\D", "", name.rsplit("_p", 1)[-1]) or 0))


def ensure_partitions(table: str = "ledger_posting", alias: str = "default", newest: int | None = None) -> int:
    """Make sure that empty partitions stand ready beyond the newest id; return how many were made."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return 0
    made = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE relname = %s", [table])
        if not all(row[0] for row in cursor.fetchall()):
            return 0  # the application's role owns no table: ``migrate`` makes them, ``/readyz`` asks in time
        if newest is None:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            newest = int(cursor.fetchone()[0])
        present = set(partitions_of(table, alias))
        current = newest // ROWS_PER_PARTITION
        for number in range(current + AHEAD + 1):
            name = f"{table}_p{number}"
            if name in present:
                continue
            # made aside and then attached: attaching does not lock out readers and writers of the table
            cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ({number * ROWS_PER_PARTITION}) TO ({(number + 1) * ROWS_PER_PARTITION})"
            )
            made += 1
    return made


def postings_left(table: str = "ledger_posting", alias: str = "default") -> int | None:
    """Return how many postings fit before a new partition is needed; None where there are no partitions."""
    names = partitions_of(table, alias)
    if not names:
        return None
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
        return len(names) * ROWS_PER_PARTITION - int(cursor.fetchone()[0])
