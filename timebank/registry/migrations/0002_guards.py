"""Guards that the database keeps by itself: audit rows stay as written, and who verifies does not stock."""

from __future__ import annotations

from typing import Any

from django.db import migrations

CLASH = (
    "((NEW.role IN ('verifier', 'village_admin') AND held.role = 'stock_keeper')"
    " OR (NEW.role = 'stock_keeper' AND held.role IN ('verifier', 'village_admin')))"
)
HELD = (
    "SELECT 1 FROM registry_rolegrant held WHERE held.user_id = NEW.user_id AND held.region_id = NEW.region_id"  # noqa: S608 - constants
    f" AND held.ended_at IS NULL AND held.id IS NOT NEW.id AND {CLASH}"
)

SQLITE = [
    """
    CREATE TRIGGER registry_audit_stays BEFORE UPDATE ON registry_auditentry
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END
    """,
    *(
        f"CREATE TRIGGER registry_duties_{event.lower()} BEFORE {event} ON registry_rolegrant"
        f" WHEN NEW.ended_at IS NULL AND NEW.region_id IS NOT NULL AND EXISTS ({HELD})"
        " BEGIN SELECT RAISE(ABORT, 'who verifies does not stock'); END"
        for event in ("INSERT", "UPDATE")
    ),
]
SQLITE_BACK = [
    "DROP TRIGGER registry_audit_stays",
    "DROP TRIGGER registry_duties_insert",
    "DROP TRIGGER registry_duties_update",
]

POSTGRESQL = [
    """
    CREATE FUNCTION registry_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are never changed' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER registry_audit_stays BEFORE UPDATE OR DELETE ON registry_auditentry
    FOR EACH ROW EXECUTE FUNCTION registry_audit_stays()
    """,
    f"""
    CREATE FUNCTION registry_duties() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.ended_at IS NULL AND NEW.region_id IS NOT NULL
           AND EXISTS ({HELD.replace("IS NOT NEW.id", "IS DISTINCT FROM NEW.id")}) THEN
            RAISE EXCEPTION 'who verifies does not stock' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER registry_duties BEFORE INSERT OR UPDATE ON registry_rolegrant
    FOR EACH ROW EXECUTE FUNCTION registry_duties()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER registry_audit_stays ON registry_auditentry",
    "DROP FUNCTION registry_audit_stays()",
    "DROP TRIGGER registry_duties ON registry_rolegrant",
    "DROP FUNCTION registry_duties()",
]


def _run(statements: dict[str, list[str]]) -> Any:
    def run(apps: Any, schema_editor: Any) -> None:
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [
        migrations.RunPython(
            _run({"sqlite": SQLITE, "postgresql": POSTGRESQL}),
            _run({"sqlite": SQLITE_BACK, "postgresql": POSTGRESQL_BACK}),
        ),
    ]
