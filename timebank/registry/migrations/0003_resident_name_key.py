"""Names folded, for a search that finds them in any spelling; those that are there already are folded now."""

from __future__ import annotations

from typing import Any

from django.db import migrations

import timebank.common.folded
from timebank.common.input import fold


def fill(apps: Any, schema_editor: Any) -> None:
    """Fold the names that are there."""
    resident = apps.get_model("registry", "Resident")
    rows = []
    for row in resident.objects.only("pk", "name").iterator(chunk_size=1000):
        row.name_key = fold(row.name)[:80]
        rows.append(row)
    resident.objects.bulk_update(rows, ["name_key"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_guards")]

    operations = [
        migrations.AddField(
            model_name="resident",
            name="name_key",
            field=timebank.common.folded.FoldedField(max_length=80, of="name"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
