"""States only go forward, and what was asked for never changes: the database itself refuses the rest.

Put up after every ``migrate`` (SQLite drops the triggers of a table that a migration remakes, without a word) and taken
down before it.
"""

from __future__ import annotations

from django.db import connections

from marketplace.payments.models.payments import STEPS

#: table → columns that never change once the row is written
FROZEN = {
    "payments_payment": ("public_id", "key", "provider", "fund_id", "source", "currency", "amount_minor", "exponent"),
    "payments_refund": ("payment_id", "key", "kind", "amount_minor", "foreign"),
    "payments_dispute": ("payment_id", "remote"),
    "payments_stripeevent": ("event", "type", "body", "livemode"),
    "payments_bankentry": ("bank_account_id", "fingerprint", "booked_on", "amount_fen", "party", "memo", "serial"),
}
#: rows that nobody deletes
KEPT = (*FROZEN, "payments_balancetransaction", "payments_providerpayout", "payments_bankimport")


def _backwards(table: str) -> str:
    """Say in SQL when an update leads to a state that the old one may not become."""
    allowed = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(new) for new in news)}))"
        for old, news in STEPS[table].items()
        if news
    )
    if table == "payments_payment":  # what was recorded by hand and never came is given up by the second person
        allowed += " OR (OLD.provider IN ('bank', 'cash') AND OLD.state = 'paid' AND NEW.state = 'failed')"
    return f"NEW.state <> OLD.state AND NOT ({allowed})"


def _rules() -> list[tuple[str, str, str, str, str]]:
    """Return each guard: name, table, event, refused when, what is said."""
    rules = [(f"{table}_forward", table, "UPDATE", _backwards(table), "states only go forward") for table in STEPS]
    for table, columns in FROZEN.items():
        changed = " OR ".join(f'NEW."{column}" IS DISTINCT FROM OLD."{column}"' for column in columns)
        rules.append((f"{table}_frozen", table, "UPDATE", changed, "what was written stays"))
    rules += [(f"{table}_kept", table, "DELETE", "", "rows are never deleted") for table in KEPT]
    return rules


def _sqlite(name: str, table: str, event: str, when: str, text: str) -> list[str]:
    condition = f" WHEN {when.replace('IS DISTINCT FROM', 'IS NOT')}" if when else ""
    return [
        f"CREATE TRIGGER {name} BEFORE {event} ON {table}{condition} BEGIN SELECT RAISE(ABORT, 'payments: {text}'); END"
    ]


def _postgres(name: str, table: str, event: str, when: str, text: str) -> list[str]:
    condition = f" WHEN ({when})" if when else ""
    return [
        f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'payments: {text}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition} EXECUTE FUNCTION {name}()",
    ]


def present(alias: str = "default") -> set[str]:
    """Read the names of our triggers that stand."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'payments%%' AND NOT tgisinternal")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'payments%%'")
        return {str(row[0]) for row in cursor.fetchall()}


def missing(alias: str = "default") -> list[str]:
    """List the guards that should stand and do not."""
    standing = present(alias)
    return [name for name, *_rest in _rules() if name not in standing]


def install(alias: str = "default") -> None:
    """Put up what is missing; silent while the tables do not exist yet."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if set(KEPT) - set(connection.introspection.table_names(cursor)):
            return
        gone = set(missing(alias))
        make = _postgres if connection.vendor == "postgresql" else _sqlite
        for rule in _rules():
            if rule[0] in gone:
                for statement in make(*rule):
                    cursor.execute(statement)


def stand_aside(alias: str = "default") -> None:
    """Take the triggers down before a migration on SQLite; ``install`` puts them back."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        return
    ours = {name for name, *_rest in _rules()}
    with connection.cursor() as cursor:
        for name in present(alias) & ours:
            cursor.execute(f"DROP TRIGGER {name}")
