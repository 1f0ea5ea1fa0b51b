"""Put up the guards with the tables; ``post_migrate`` keeps them up."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from marketplace.funds import guards


def put_up(apps: Any, schema_editor: Any) -> None:
    """Let PostgreSQL finish what waits at the end of the transaction first: it alters no table with pending events."""
    guards.install(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("funds", "0001_initial")]
    operations = [migrations.RunPython(put_up, migrations.RunPython.noop)]
