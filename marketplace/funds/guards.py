"""What the database itself refuses and a model can't say: prices that overlap, a price on what is a right.

Put up after every ``migrate`` (SQLite drops the triggers of a table that a migration remakes, without a word) and taken
down before it (SQLite can't remake a table that another's trigger names).
"""

from __future__ import annotations

from typing import Any

from django.db import connections

_OVERLAP = (
    "NEW.state = 'approved' AND EXISTS (SELECT 1 FROM funds_agreedprice p WHERE p.stockrecord_id = NEW.stockrecord_id"
    " AND p.id <> NEW.id AND p.state = 'approved' AND p.valid_from <= coalesce(NEW.valid_until, '9999-12-31')"
    " AND coalesce(p.valid_until, '9999-12-31') >= NEW.valid_from)"
)
_PRICE_OF_A_RIGHT = (
    "coalesce(NEW.price, 0) > 0 AND EXISTS (SELECT 1 FROM catalogue_product p JOIN funds_basicline b"
    " ON b.product_id IN (p.id, p.parent_id) WHERE p.id = NEW.product_id)"
)
_LIMIT_ON_A_RIGHT = (
    "(NEW.min_star > 0 OR NEW.per_resident_limit IS NOT NULL)"
    " AND EXISTS (SELECT 1 FROM funds_basicline b WHERE b.product_id IN (NEW.id, NEW.parent_id))"
)
_NO_RIGHT = (
    "EXISTS (SELECT 1 FROM catalogue_product p WHERE NEW.product_id IN (p.id, p.parent_id)"
    " AND (p.min_star > 0 OR p.per_resident_limit IS NOT NULL OR EXISTS (SELECT 1 FROM partner_stockrecord s"
    " WHERE s.product_id = p.id AND coalesce(s.price, 0) > 0)))"
)
#: name, table, events, refused when, what is said
RULES = (
    ("funds_right_price", "partner_stockrecord", ("INSERT", "UPDATE"), _PRICE_OF_A_RIGHT, "a basic line has no price"),
    ("funds_right_limit", "catalogue_product", ("INSERT", "UPDATE"), _LIMIT_ON_A_RIGHT, "a basic line has no limit"),
    (
        "funds_right_line",
        "funds_basicline",
        ("INSERT", "UPDATE"),
        _NO_RIGHT,
        "a right has neither price nor limit",
    ),
)
_SQLITE_ONLY = (("funds_price_overlap", "funds_agreedprice", ("INSERT", "UPDATE"), _OVERLAP, "agreed prices overlap"),)
_EXCLUSION = "funds_agreedprice_no_overlap"


def _sqlite() -> dict[str, tuple[str, str]]:
    """Name of each trigger → its table, the statement that makes it."""
    made = {}
    for name, table, events, when, text in (*RULES, *_SQLITE_ONLY):
        for event in events:
            result = f"{name}_{event.lower()}"
            # after an insert the row has its id
            action = f"BEGIN SELECT RAISE(ABORT, 'funds: {text}'); END"
            made[result] = (table, f"CREATE TRIGGER {result} AFTER {event} ON {table} WHEN {when} {action}")
    return made


def _postgres(name: str, table: str, events: tuple[str, ...], when: str, text: str) -> list[str]:
    return [
        f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {when} THEN
                RAISE EXCEPTION 'funds: {text}' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$""",
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {' OR '.join(events)} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def _tables(connection: Any) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def present(alias: str = "default") -> set[str]:
    """Read the names of our triggers (and of the exclusion constraint) that stand."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'funds%%' AND NOT tgisinternal"
                " UNION SELECT conname FROM pg_constraint WHERE conname = %s",
                [_EXCLUSION],
            )
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'funds%%'")
        return {str(row[0]) for row in cursor.fetchall()}


def missing(alias: str = "default") -> list[str]:
    """List what should stand and does not."""
    if connections[alias].vendor == "postgresql":
        wanted = {name for name, *_rest in RULES} | {_EXCLUSION}
    else:
        wanted = set(_sqlite())
    return sorted(wanted - present(alias))


def install(alias: str = "default") -> None:
    """Put up what is missing; silent while the tables do not exist yet."""
    connection = connections[alias]
    if {"funds_basicline", "funds_agreedprice", "catalogue_product", "partner_stockrecord"} - _tables(connection):
        return
    gone = missing(alias)
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            for name in gone:
                cursor.execute(_sqlite()[name][1])
            return
        for rule in RULES:
            if rule[0] in gone:
                for statement in _postgres(*rule):
                    cursor.execute(statement)
        if _EXCLUSION in gone:
            # ranges on both sides, so that no extension is needed
            cursor.execute(
                f"ALTER TABLE funds_agreedprice ADD CONSTRAINT {_EXCLUSION} EXCLUDE USING gist ("
                "int8range(stockrecord_id, stockrecord_id, '[]') WITH &&,"
                " daterange(valid_from, valid_until, '[]') WITH &&) WHERE (state = 'approved')"
            )


def stand_aside(alias: str = "default") -> None:
    """Take the triggers down before a migration on SQLite; ``install`` puts them back."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        return
    with connection.cursor() as cursor:
        for name in present(alias) & set(_sqlite()):
            cursor.execute(f"DROP TRIGGER {name}")
