"""The one way of paying stands ready, so that no two first redemptions wait for each other to write it."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def add(apps: Any, schema_editor: Any) -> None:
    apps.get_model("payment", "SourceType").objects.get_or_create(code="points", defaults={"name": "Points"})


class Migration(migrations.Migration):
    dependencies = [("rewards", "0002_tickets_and_stock"), ("payment", "0005_auto_20200801_0817")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
