"""The categories that the product brings."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from timebank.policy.categories import PRACTICE, SEEDS


def seed(apps: Any, schema_editor: Any) -> None:
    """Add what is missing; names and pictures that somebody changed stay."""
    category = apps.get_model("policy", "Category")
    practice = {one.code for one in PRACTICE}
    category.objects.bulk_create(
        [
            category(
                code=one.code,
                name=one.name,
                family=one.family,
                unit=one.unit,
                picture=one.picture,
                entered_by=one.entered_by,
                order=position if one.code in practice else 100 + position,
            )
            for position, one in enumerate(SEEDS)
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("policy", "0001_initial")]
    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
