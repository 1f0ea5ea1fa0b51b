"""Triggers that refuse to change or remove history, on both databases.

Declared for ``timebank.common.guards``, which puts them back after every ``migrate`` and checks them. The sealer, the
verifier and ``/readyz`` refuse to go on when one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connections

from timebank.common.guards import Declaration, Function, Guarded, GuardSet, Key, Trigger
from timebank.ledger.fast.functions import FUNCTIONS

TABLES = (
    Guarded(
        "ledger_account",
        frozen=("id", "key", "unit", "guarded", "floor", "opened_at"),
        unique=(("id",), ("key",)),
    ),
    Guarded("ledger_transfer", unique=(("id",), ("uuid",))),
    Guarded("ledger_posting", unique=(("id",),)),
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
    Guarded("ledger_anchor", unique=(("id",),)),
    Guarded("ledger_unsealed", unique=(("transfer_id",),), deletable=True),
)

# Every posting counts the wallet's version up.
_BY_HAND = "(NEW.balance <> OLD.balance OR NEW.debt <> OLD.debt) AND NEW.version <= OLD.version"
_BY_INDEX = "SET enable_seqscan = off"
_HOLD_MATCHES = "amount = (SELECT amount FROM ledger_hold WHERE id = NEW.hold_id)"


def _postgres_functions() -> list[str]:
    return [
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


def _postgres_triggers() -> list[Trigger]:
    made: list[Trigger] = []

    def add(table: str, name: str, when: str, function: str) -> None:
        sql = f"CREATE TRIGGER {name} {when.format(table=table)} EXECUTE FUNCTION {function}()"
        made.append(Trigger("postgresql", table, name, sql))

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
    return made


def _sqlite_triggers() -> list[Trigger]:
    made: list[Trigger] = []

    def add(table: str, suffix: str, event: str, message: str, when: str) -> None:
        name = f"{table}_{suffix}"
        sql = (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, 'ledger: {message}'); END"
        )
        made.append(Trigger("sqlite", table, name, sql))

    add(
        "ledger_unsealed",
        "no_delete",
        "DELETE",
        "a transfer leaves the queue only by being sealed",
        "NOT EXISTS (SELECT 1 FROM ledger_sealmember WHERE transfer_id = OLD.transfer_id)",
    )
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
    return made


#: What ``LedgerConfig`` declares.
APPEND_ONLY: tuple[Declaration, ...] = (
    *TABLES,
    *_postgres_triggers(),
    *_sqlite_triggers(),
    *(Function(text) for text in (*_postgres_functions(), *FUNCTIONS)),
)
# Never asked for while a table does not exist yet.
_LEDGER = GuardSet(lambda: APPEND_ONLY, tables=lambda alias: {guard.table for guard in TABLES})


def present(alias: str = "default") -> set[Key]:
    """Read which of our triggers stand and are armed: (table, trigger)."""
    return _LEDGER.present(alias)


def missing(alias: str = "default") -> list[Key]:
    """List the triggers that should stand and do not, and on PostgreSQL the functions: ("function", name)."""
    return _LEDGER.missing(alias)


def tables_present(alias: str) -> set[str]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def install(alias: str = "default") -> int:
    """Install what is missing and return how many that were; silent while the tables do not exist yet."""
    tables = tables_present(alias)
    return _LEDGER.install(alias) if all(guard.table in tables for guard in TABLES) else 0


def remove(alias: str = "default", tables: Iterable[str] | None = None) -> None:
    """Take the triggers away; only on a database of tests and measurements."""
    _LEDGER.remove(alias, tables)
