"""Triggers that refuse to change or remove history, on both databases.

They are (re)installed after every ``migrate``: on SQLite a migration that remakes a table drops its triggers without a
word. A system check and the sealer refuse to go on when one is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections

from timebank.ledger.partitions import partitions_of
from timebank.ledger.store.functions import FUNCTIONS


@dataclass(frozen=True)
class Guarded:
    """How a table is guarded: ``frozen`` None = no update at all, else the columns that may not change."""

    table: str
    frozen: tuple[str, ...] | None = None
    unique: tuple[tuple[str, ...], ...] = (("id",),)
    deletable: bool = False


TABLES = (
    Guarded(
        "ledger_account",
        frozen=("id", "key", "unit", "guarded", "floor", "opened_at"),
        unique=(("id",), ("key",)),
    ),
    Guarded("ledger_transfer", unique=(("id",), ("uuid",))),
    Guarded("ledger_posting"),
    Guarded(
        "ledger_lot",
        frozen=("id", "account_id", "expires_on", "restriction"),
        unique=(("id",), ("account_id", "expires_on", "restriction")),
    ),
    Guarded("ledger_hold", unique=(("id",), ("transfer_id",))),
    Guarded("ledger_holdresolution", unique=(("hold_id",), ("transfer_id",))),
    Guarded("ledger_refundtotal", frozen=("transfer_id", "cap"), unique=(("transfer_id",),)),
    Guarded("ledger_seal", unique=(("number",), ("previous_hash",), ("hash",))),
    Guarded("ledger_sealmember", unique=(("transfer_id",), ("seal_id", "position"))),
    Guarded("ledger_checkpoint", unique=(("id",), ("account_id", "seal_id"))),
    Guarded("ledger_anchor"),
    Guarded("ledger_unsealed", unique=(("transfer_id",),), deletable=True),
)

CLONED = ""  # made by PostgreSQL itself from the trigger of the partitioned table
# Every posting counts the wallet's version up.
_BY_HAND = "(NEW.balance <> OLD.balance OR NEW.debt <> OLD.debt) AND NEW.version <= OLD.version"
_BY_INDEX = "SET enable_seqscan = off"
_HOLD_MATCHES = "amount = (SELECT amount FROM ledger_hold WHERE id = NEW.hold_id)"


def _postgres_functions() -> list[str]:
    return [
        """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'ledger: % on % is refused, history is append-only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
        f"""CREATE OR REPLACE FUNCTION ledger_hold_matches() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT (NEW.{_HOLD_MATCHES}) THEN
                RAISE EXCEPTION 'ledger: a hold is resolved for its own amount'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$""",
        """CREATE OR REPLACE FUNCTION ledger_refund_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.refunded < OLD.refunded THEN
                RAISE EXCEPTION 'ledger: what was given back stays given back'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$""",
        # Both fire once, at the end of a statement: a posting moves wallets and lots in one, so only a change by hand
        # is caught, and a batch is looked at as one set. The sums stay subqueries: a join would be
        # planned once, for a batch, and then read all lots for a single payment. And each is planned while the table
        # may still be small, so reading all of it is forbidden: a first month was closed at a seventh of the speed.
        f"""CREATE OR REPLACE FUNCTION ledger_balance_is_lots() RETURNS trigger LANGUAGE plpgsql {_BY_INDEX} AS $$
        BEGIN
            IF EXISTS (SELECT FROM changed c WHERE c.guarded AND c.balance <> (
                           SELECT coalesce(sum(l.remaining), 0) FROM ledger_lot l WHERE l.account_id = c.id)) THEN
                RAISE EXCEPTION 'ledger: a balance and its lots change together, by a posting'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$""",
        f"""CREATE OR REPLACE FUNCTION ledger_lots_are_balance() RETURNS trigger LANGUAGE plpgsql {_BY_INDEX} AS $$
        BEGIN
            IF EXISTS (SELECT FROM changed c WHERE
                       (SELECT a.balance FROM ledger_account a WHERE a.id = c.account_id) <>
                       (SELECT sum(l.remaining) FROM ledger_lot l WHERE l.account_id = c.account_id)) THEN
                RAISE EXCEPTION 'ledger: a balance and its lots change together, by a posting'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$""",
        """CREATE OR REPLACE FUNCTION ledger_unsealed_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM gone g WHERE NOT EXISTS (
                           SELECT 1 FROM ledger_sealmember m WHERE m.transfer_id = g.transfer_id)) THEN
                RAISE EXCEPTION 'ledger: a transfer leaves the queue only by being sealed'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$""",
    ]


def _postgres_triggers() -> dict[tuple[str, str], str]:
    """(table, trigger) → statement that makes it."""
    wanted: dict[tuple[str, str], str] = {}

    def add(table: str, name: str, when: str, function: str) -> None:
        wanted[table, name] = f"CREATE TRIGGER {name} {when.format(table=table)} EXECUTE FUNCTION {function}()"

    for guard in TABLES:
        columns = "" if guard.frozen is None else f" OF {', '.join(guard.frozen)}"
        add(guard.table, "ledger_no_update", f"BEFORE UPDATE{columns} ON {{table}} FOR EACH ROW", "ledger_refuse")
        if not guard.deletable:
            add(guard.table, "ledger_no_delete", "BEFORE DELETE ON {table} FOR EACH ROW", "ledger_refuse")
        add(guard.table, "ledger_no_truncate", "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", "ledger_refuse")
    for partition in partitions_of("ledger_posting"):
        # row triggers are cloned to partitions, TRUNCATE triggers are not
        wanted[partition, "ledger_no_update"] = wanted[partition, "ledger_no_delete"] = CLONED
        add(partition, "ledger_no_truncate", "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", "ledger_refuse")
    add("ledger_holdresolution", "ledger_hold_amount", "BEFORE INSERT ON {table} FOR EACH ROW", "ledger_hold_matches")
    add("ledger_refundtotal", "ledger_refund_grows", "BEFORE UPDATE ON {table} FOR EACH ROW", "ledger_refund_grows")
    add(
        "ledger_account",
        "ledger_balance_by_posting",
        f"BEFORE UPDATE ON {{table}} FOR EACH ROW WHEN ({_BY_HAND})",
        "ledger_refuse",
    )
    changed = "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT"
    add("ledger_account", "ledger_balance_is_lots", f"AFTER UPDATE ON {{table}} {changed}", "ledger_balance_is_lots")
    for event in ("insert", "update"):
        name = f"ledger_lots_are_balance_{event}"
        add("ledger_lot", name, f"AFTER {event} ON {{table}} {changed}", "ledger_lots_are_balance")
    add(
        "ledger_unsealed",
        "ledger_unsealed_leaves",
        "AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT",
        "ledger_unsealed_leaves",
    )
    return wanted


def _sqlite_triggers() -> dict[tuple[str, str], str]:
    wanted: dict[tuple[str, str], str] = {}

    def add(table: str, suffix: str, event: str, message: str, when: str = "") -> None:
        name = f"{table}_{suffix}"
        condition = f" WHEN {when}" if when else ""
        wanted[table, name] = (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition} "
            f"BEGIN SELECT RAISE(ABORT, 'ledger: {message}'); END"
        )

    for guard in TABLES:
        columns = "" if guard.frozen is None else f" OF {', '.join(guard.frozen)}"
        add(guard.table, "no_update", f"UPDATE{columns}", "update is refused, history is append-only")
        if guard.deletable:
            add(
                guard.table,
                "no_delete",
                "DELETE",
                "a transfer leaves the queue only by being sealed",
                f"NOT EXISTS (SELECT 1 FROM ledger_sealmember WHERE transfer_id = OLD.{guard.unique[0][0]})",
            )
        else:
            add(guard.table, "no_delete", "DELETE", "delete is refused, history is append-only")
        # REPLACE deletes without firing the delete trigger, so a second row with the same key is refused before that
        same = " OR ".join(
            "EXISTS (SELECT 1 FROM {} WHERE {})".format(
                guard.table, " AND ".join(f"{column} = NEW.{column}" for column in columns_)
            )
            for columns_ in guard.unique
        )
        add(guard.table, "no_replace", "INSERT", "replace is refused, history is append-only", same)
    add(
        "ledger_transfer",
        "reversed_once",
        "INSERT",
        "a transfer is reversed once",
        "NEW.reverses_id IS NOT NULL AND EXISTS (SELECT 1 FROM ledger_transfer WHERE reverses_id = NEW.reverses_id)",
    )
    add(
        "ledger_holdresolution",
        "hold_amount",
        "INSERT",
        "a hold is resolved for its own amount",
        f"NOT (NEW.{_HOLD_MATCHES})",
    )
    add(
        "ledger_refundtotal",
        "refund_grows",
        "UPDATE",
        "what was given back stays given back",
        "NEW.refunded < OLD.refunded",
    )
    add("ledger_account", "balance_by_posting", "UPDATE", "a balance changes only by a posting", _BY_HAND)
    # A posting is written first, then its lots, its wallet last: see ``store.sqlite``. So a lot may change only while
    # its wallet lags behind the postings, and a wallet only to what postings and lots then say.
    newest = "(SELECT {side}_version FROM ledger_posting WHERE {side}_id = {{wallet}} ORDER BY id DESC LIMIT 1)"
    posted = "max({})".format(", ".join(f"coalesce({newest.format(side=side)}, 0)" for side in ("debit", "credit")))
    together = "a balance and its lots change together, by a posting"
    version = "(SELECT version FROM ledger_account WHERE id = NEW.account_id)"
    lags = f"{version} >= {posted.format(wallet='NEW.account_id')}"
    add("ledger_lot", "with_posting", "UPDATE OF remaining", together, lags)
    add("ledger_lot", "made_with_posting", "INSERT", together, lags)
    sums = "(SELECT coalesce(sum(remaining), 0) FROM ledger_lot WHERE account_id = NEW.id)"
    wrong = f"NEW.balance <> {sums} OR NEW.version <> {posted.format(wallet='NEW.id')}"
    add("ledger_account", "with_lots", "UPDATE OF balance, version", together, f"NEW.guarded AND ({wrong})")
    return wanted


def _functions() -> dict[str, str]:
    """Name → statement that makes it, of every function that PostgreSQL needs."""
    return {re.search(r"FUNCTION (\w+)\(", text)[1]: text for text in (*_postgres_functions(), *FUNCTIONS)}  # type: ignore[index]


def _wanted(alias: str) -> dict[tuple[str, str], str]:
    return _postgres_triggers() if connections[alias].vendor == "postgresql" else _sqlite_triggers()


def _functions_present(alias: str) -> set[str]:
    """Read which functions stand as they were written: one that was emptied guards nothing."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'ledger%%'")
        bodies = dict(cursor.fetchall())
    return {name for name, text in _functions().items() if bodies.get(name) == text.split("$$")[1]}


def present(alias: str = "default") -> set[tuple[str, str]]:
    """Read which of our triggers stand and are armed: (table, trigger)."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # 'A': fires for every role and also under session_replication_role = replica
            cursor.execute(
                "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE c.relname LIKE 'ledger%%' AND NOT t.tgisinternal AND t.tgenabled = 'A'"
            )
        else:
            cursor.execute(
                "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%%'"
            )
        return {(str(table), str(name)) for table, name in cursor.fetchall()}


def missing(alias: str = "default") -> list[tuple[str, str]]:
    """List the triggers that should stand and do not, and on PostgreSQL the functions: ("function", name)."""
    gone = set(_wanted(alias)) - present(alias)
    if connections[alias].vendor == "postgresql":
        gone |= {("function", name) for name in set(_functions()) - _functions_present(alias)}
    return sorted(gone)


def tables_present(alias: str) -> set[str]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def install(alias: str = "default") -> int:
    """Install what is missing and return how many that were; silent while the tables do not exist yet."""
    connection = connections[alias]
    tables = tables_present(alias)
    if not all(guard.table in tables for guard in TABLES):
        return 0
    installed = present(alias)
    added = 0
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for statement in _functions().values():
                cursor.execute(statement)
        for (table, name), statement in _wanted(alias).items():
            if (table, name) in installed:
                continue
            if connection.vendor == "postgresql":
                if statement != CLONED:
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                    cursor.execute(statement)
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            else:
                cursor.execute(statement)
            added += 1
    return added


def stand_aside(alias: str = "default") -> None:
    """Take away, before a migration on SQLite, the triggers that name another table than their own.

    SQLite could not remake that other table while they stand. ``install`` puts them back after the migration; if it
    breaks off before, they are missing: system check, sealer and verifier say so.
    """
    connection = connections[alias]
    if connection.vendor == "postgresql":
        return
    installed = present(alias)
    with connection.cursor() as cursor:
        for (table, name), statement in _wanted(alias).items():
            others = {guard.table for guard in TABLES} - {table}
            if (table, name) in installed and others & set(re.findall(r"\w+", statement)):
                cursor.execute(f"DROP TRIGGER {name}")


def remove(alias: str = "default", tables: Iterable[str] | None = None) -> None:
    """Take the triggers away. Only ``timebank.ledger.testing`` may call this, and only on a test database."""
    connection = connections[alias]
    chosen = None if tables is None else set(tables)
    with connection.cursor() as cursor:
        cloned = {item for item, statement in _wanted(alias).items() if statement == CLONED}
        for table, name in sorted(present(alias) - cloned):
            if chosen is not None and table not in chosen:
                continue
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
