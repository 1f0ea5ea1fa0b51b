"""The categories that the product brings, and the guard that an approved version stays as it was approved."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from timebank.policy.categories import PRACTICE, SEEDS

STAYS = "an approved scheme is never changed"


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


def guard(apps: Any, schema_editor: Any) -> None:
    """Refuse every change and deletion of an approved version."""
    if schema_editor.connection.vendor == "postgresql":
        statements = [
            f"""
            CREATE FUNCTION policy_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '{STAYS}' USING ERRCODE = 'integrity_constraint_violation';
            END $$
            """,
            (
                "CREATE TRIGGER policy_version_stays BEFORE UPDATE OR DELETE ON policy_schemeversion"
                " FOR EACH ROW WHEN (OLD.status = 'approved') EXECUTE FUNCTION policy_version_stays()"
            ),
        ]
    else:
        statements = [
            f"CREATE TRIGGER {name} BEFORE {event} ON policy_schemeversion WHEN OLD.status = 'approved'"
            f" BEGIN SELECT RAISE(ABORT, '{STAYS}'); END"
            for name, event in (("policy_version_stays", "UPDATE"), ("policy_version_kept", "DELETE"))
        ]
    for statement in statements:
        schema_editor.execute(statement, params=None)


def unguard(apps: Any, schema_editor: Any) -> None:
    """Take the guard off."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER policy_version_stays ON policy_schemeversion")
        schema_editor.execute("DROP FUNCTION policy_version_stays()")
        return
    for name in ("policy_version_stays", "policy_version_kept"):
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("policy", "0002_categories_and_drafts")]
    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
