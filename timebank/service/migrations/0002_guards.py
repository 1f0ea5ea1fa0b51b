"""Guards that the database keeps by itself: history stays as written, credited hours stay as credited."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FROZEN = (
    "resident_id",
    "village_id",
    "category",
    "served_on",
    "minutes",
    "points",
    "rule",
    "rule_version",
    "transfer_key",
)
CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FROZEN)
STATE = "(NEW.state <> OLD.state AND NOT (OLD.state = 'credited' AND NEW.state = 'reversed'))"
WHEN = f"OLD.state IN ('credited', 'reversed') AND ({CHANGED} OR {STATE})"

SQLITE = [
    *(
        f"CREATE TRIGGER service_history_stays_{event.lower()} BEFORE {event} ON service_recordchange"
        " BEGIN SELECT RAISE(ABORT, 'the history of a record is never changed'); END"
        for event in ("UPDATE", "DELETE")
    ),
    (
        "CREATE TRIGGER service_record_stays BEFORE DELETE ON service_record"
        " BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END"
    ),
    (
        "CREATE TRIGGER service_credited_stays BEFORE UPDATE ON service_record"
        f" WHEN {WHEN.replace('IS DISTINCT FROM', 'IS NOT')}"
        " BEGIN SELECT RAISE(ABORT, 'a credited record is only ever reversed'); END"
    ),
]
SQLITE_BACK = [
    f"DROP TRIGGER {name}"
    for name in (
        "service_history_stays_update",
        "service_history_stays_delete",
        "service_record_stays",
        "service_credited_stays",
    )
]


def _refusing(name: str, words: str) -> str:
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """


POSTGRESQL = [
    _refusing("service_history_stays", "the history of a record is never changed"),
    _refusing("service_record_stays", "records are never deleted"),
    _refusing("service_credited_stays", "a credited record is only ever reversed"),
    (
        "CREATE TRIGGER service_history_stays BEFORE UPDATE OR DELETE ON service_recordchange"
        " FOR EACH ROW EXECUTE FUNCTION service_history_stays()"
    ),
    (
        "CREATE TRIGGER service_record_stays BEFORE DELETE ON service_record"
        " FOR EACH ROW EXECUTE FUNCTION service_record_stays()"
    ),
    (
        "CREATE TRIGGER service_credited_stays BEFORE UPDATE ON service_record"
        f" FOR EACH ROW WHEN ({WHEN}) EXECUTE FUNCTION service_credited_stays()"
    ),
]
POSTGRESQL_BACK = [
    statement
    for name, table in (
        ("service_history_stays", "service_recordchange"),
        ("service_record_stays", "service_record"),
        ("service_credited_stays", "service_record"),
    )
    for statement in (f"DROP TRIGGER {name} ON {table}", f"DROP FUNCTION {name}()")
]


def _run(statements: dict[str, list[str]]) -> Any:
    def run(apps: Any, schema_editor: Any) -> None:
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("service", "0001_initial")]
    operations = [
        migrations.RunPython(
            _run({"sqlite": SQLITE, "postgresql": POSTGRESQL}),
            _run({"sqlite": SQLITE_BACK, "postgresql": POSTGRESQL_BACK}),
        ),
    ]
