"""Keep agreed prices of one reward apart: an exclusion constraint, which SQLite has not (``guards`` has a trigger)."""

from __future__ import annotations

from typing import Any

from django.db import migrations

# ranges on both sides, so that no extension is needed
EXCLUDE = """ALTER TABLE funds_agreedprice ADD CONSTRAINT funds_agreedprice_no_overlap EXCLUDE USING gist (
    int8range(stockrecord_id, stockrecord_id, '[]') WITH &&,
    daterange(valid_from, valid_until, '[]') WITH &&) WHERE (state = 'approved')"""


def exclude(apps: Any, schema_editor: Any) -> None:
    """Let PostgreSQL finish what waits at the end of the transaction first: it alters no table with pending events."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(EXCLUDE)


class Migration(migrations.Migration):
    dependencies = [("funds", "0001_initial")]
    operations = [migrations.RunPython(exclude, migrations.RunPython.noop)]
