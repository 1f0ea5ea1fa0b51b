"""Posting on PostgreSQL: three prepared statements, one round trip each, inside the caller's transaction.

They are sent through ``psycopg.pq``, the documented thin layer over libpq, on Django's own connection: a prepared
statement with a generic plan costs a fraction of the same text sent and planned again. What is sent still appears in
Django's query log, so query budgets count it.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid as uuid_module
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from django.db import DataError, transaction
from psycopg.pq import ExecStatus, TransactionStatus

from timebank.ledger.plan import AccountRow, Effects, LotRow
from timebank.ledger.store import HEAD_COLUMNS, POSTING_COLUMNS, Known, LostLockError


class Statement(NamedTuple):
    """A statement to be prepared once per connection."""

    name: bytes
    text: bytes


LOCK = Statement(
    b"ledger_lock",
    b"""WITH wallets AS MATERIALIZED (
        SELECT id, key, balance, version, debt, status, expires_to, floor FROM ledger_account
        WHERE key = ANY($1::text[]) AND guarded ORDER BY id FOR NO KEY UPDATE)
    SELECT id, key, balance, version, debt, status, expires_to, floor FROM wallets
    UNION ALL
    SELECT id, key, 0, 0, 0, status, '', 0 FROM ledger_account WHERE key = ANY($1::text[]) AND NOT guarded
    UNION ALL
    SELECT nextval('ledger_transfer_id_seq'), NULL, 0, 0, 0, '', '', 0 FROM generate_series(1, $2::integer)""",
)

READ = Statement(
    b"ledger_read",
    b"""SELECT id, account_id, expires_on, restriction, remaining, NULL FROM ledger_lot
        WHERE account_id = ANY($1::bigint[]) AND remaining > 0
    UNION ALL
    SELECT id, 0, NULL, uuid::text, 0, request_hash FROM ledger_transfer WHERE uuid = ANY($2::uuid[])""",
)


BEGIN = Statement(b"ledger_begin", b"BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = Statement(b"ledger_commit", b"COMMIT")

_HEAD_NAMES = [name for name, _kind in HEAD_COLUMNS]
_HEAD_TYPES = [kind for _name, kind in HEAD_COLUMNS]
_POSTING_TYPES = [kind for _name, kind in POSTING_COLUMNS]

FEW = 4  # so many rows are written as plain values, more as arrays: a plan for each number of rows up to this


@cache
def write_statement(heads: int, wallets: int, known: int, fresh: int, postings: int) -> Statement:
    """Compose the writing statement for so many rows of each kind; 0 none, above ``FEW`` any number."""
    number = 0

    def rows(count: int, types: Sequence[str]) -> str:
        nonlocal number
        if count > FEW:
            arrays = ", ".join(f"${number + i}::{name}[]" for i, name in enumerate(types, 1))
            number += len(types)
            return f"SELECT * FROM unnest({arrays})"
        lines = []
        for _row in range(count):
            lines.append("({})".format(", ".join(f"${number + i}::{name}" for i, name in enumerate(types, 1))))
            number += len(types)
        return f"VALUES {', '.join(lines)}"

    head_names = ", ".join(name for name, _type in HEAD_COLUMNS)
    parts = [
        f"head AS (INSERT INTO ledger_transfer ({head_names}) {rows(heads, _HEAD_TYPES)} RETURNING id)",
        "queue AS (INSERT INTO ledger_unsealed (transfer_id) SELECT id FROM head)",
    ]
    counts = []
    if wallets:
        parts.append(
            "wallet AS (UPDATE ledger_account a SET balance = v.balance, version = v.version, debt = v.debt "
            f"FROM ({rows(wallets, ['bigint'] * 5)}) AS v(id, before, balance, version, debt) "
            "WHERE a.id = v.id AND a.version = v.before RETURNING 1)"
        )
        counts.append("(SELECT count(*) FROM wallet)")
    if known:
        parts.append(
            "known AS (UPDATE ledger_lot l SET remaining = v.remaining "
            f"FROM ({rows(known, ['bigint'] * 3)}) AS v(id, before, remaining) "
            "WHERE l.id = v.id AND l.remaining = v.before RETURNING 1)"
        )
        counts.append("(SELECT count(*) FROM known)")
    if fresh:
        parts.append(
            "fresh AS (INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining) "
            f"{rows(fresh, ['bigint', 'date', 'text', 'bigint'])} "
            "ON CONFLICT (account_id, expires_on, restriction) "
            "DO UPDATE SET remaining = ledger_lot.remaining + excluded.remaining)"
        )
    posting_names = ", ".join(name for name, _type in POSTING_COLUMNS)
    posting_rows = rows(postings, _POSTING_TYPES)
    parts.append(f"posting AS (INSERT INTO ledger_posting ({posting_names}) {posting_rows})")
    # every wallet and lot must be as it was read; else this divides by zero and nothing is written
    expected = f"${number + 1}::bigint"
    text = f"WITH {', '.join(parts)} SELECT 1 / ({' + '.join(counts) or '0'} = {expected})::integer"
    name = f"ledger_write_{heads}_{wallets}_{known}_{fresh}_{postings}"
    return Statement(name.encode(), text.encode())


# -- Values as text ----------------------------------------------------------------------------------------------------
def _number(value: int | None) -> bytes:
    return b"NULL" if value is None else b"%d" % value


def _text(value: str | None) -> bytes:
    if value is None:
        return b"NULL"
    return b'"' + value.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _day(value: dt.date | None) -> bytes:
    return b"NULL" if value is None else value.isoformat().encode()


def _bytes(value: bytes) -> bytes:
    return b'"\\\\x' + value.hex().encode() + b'"'


def _moment(value: dt.datetime) -> bytes:
    return b'"' + value.isoformat().encode() + b'"'


_IN_ARRAY: dict[str, Callable[[Any], bytes]] = {
    "bigint": _number,
    "smallint": _number,
    "text": _text,
    "date": _day,
    "bytea": _bytes,
    "timestamptz": _moment,
    "uuid": lambda value: value.hex.encode(),
}
_ALONE: dict[str, Callable[[Any], bytes]] = {
    "bigint": lambda value: b"%d" % value,
    "smallint": lambda value: b"%d" % value,
    "text": str.encode,
    "date": lambda value: value.isoformat().encode(),
    "bytea": lambda value: b"\\x" + value.hex().encode(),
    "timestamptz": lambda value: value.isoformat().encode(),
    "uuid": lambda value: value.hex.encode(),
}


def _array(values: Iterable[bytes]) -> bytes:
    return b"{" + b",".join(values) + b"}"


def _rows(rows: Sequence[Sequence[Any]], types: Sequence[str]) -> list[bytes | None]:
    """Encode rows for ``write_statement``: value by value if they are few, else an array for each column."""
    if len(rows) > FEW:
        encoders = [_IN_ARRAY[kind] for kind in types]
        columns = zip(*rows, strict=True)
        return [_array([encode(value) for value in column]) for column, encode in zip(columns, encoders, strict=True)]
    alone = [_ALONE[kind] for kind in types]
    return [None if value is None else encode(value) for row in rows for value, encode in zip(row, alone, strict=True)]


_prepared: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()


class PostgresStore:
    """See ``Store``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def lock(self, keys: Sequence[str], transfers: int) -> tuple[list[int], list[AccountRow]]:
        """Lock and read; the order by id is what keeps two postings from waiting for each other."""
        result = self._run(LOCK, [_array(_text(key) for key in keys), b"%d" % transfers])
        ids: list[int] = []
        rows: list[AccountRow] = []
        value = result.get_value
        for i in range(result.ntuples):
            number = int(value(i, 0) or 0)
            key = value(i, 1)
            if key is None:
                ids.append(number)
                continue
            rows.append(
                AccountRow(
                    number,
                    key.decode(),
                    int(value(i, 2) or 0),
                    int(value(i, 3) or 0),
                    int(value(i, 4) or 0),
                    value(i, 5) == b"open",
                    (value(i, 6) or b"").decode(),
                    int(value(i, 7) or 0),
                )
            )
        return ids, rows

    def read(self, wallets: Sequence[int], uuids: Sequence[uuid_module.UUID]) -> tuple[list[LotRow], Known]:
        """Read in a new statement: its snapshot is later than the lock, so it sees what the last holder did."""
        result = self._run(READ, [_array(map(_number, wallets)), _array(one.hex.encode() for one in uuids)])
        lots: list[LotRow] = []
        known: Known = {}
        value = result.get_value
        for i in range(result.ntuples):
            number = int(value(i, 0) or 0)
            hashed = value(i, 5)
            text = (value(i, 3) or b"").decode()
            if hashed is not None:
                known[uuid_module.UUID(text)] = (number, bytes.fromhex(hashed[2:].decode()))
                continue
            day = dt.date.fromisoformat((value(i, 2) or b"").decode())
            lots.append(LotRow(number, int(value(i, 1) or 0), day, text, int(value(i, 4) or 0)))
        return lots, known

    def write(self, effects: Effects) -> None:
        """Write everything in one statement, wallets and lots only if they are as they were read."""
        known = [(lot.id, lot.before, lot.remaining) for lot in effects.lots if lot.id is not None]
        fresh = [
            (lot.account_id, lot.expires_on, lot.restriction, lot.remaining) for lot in effects.lots if lot.id is None
        ]
        wallets = [
            (wallet.id, wallet.before.version, wallet.balance, wallet.version, wallet.debt)
            for wallet in effects.wallets
        ]
        heads = [[head[name] for name in _HEAD_NAMES] for head in effects.heads]
        counts = [min(len(rows), FEW + 1) for rows in (heads, wallets, known, fresh, effects.postings)]
        params = _rows(heads, _HEAD_TYPES)
        for rows, types in (
            (wallets, ["bigint"] * 5),
            (known, ["bigint"] * 3),
            (fresh, ["bigint", "date", "text", "bigint"]),
        ):
            if rows:
                params += _rows(rows, types)
        params += _rows(effects.postings, _POSTING_TYPES)
        params.append(b"%d" % (len(wallets) + len(known)))
        try:
            self._run(write_statement(*counts), params)
        except DataError as error:
            raise LostLockError([wallet.key for wallet in effects.wallets]) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Join the caller's transaction, or open one of our own with less ado than ``atomic``."""
        connection = self.connection
        if connection.in_atomic_block or not connection.get_autocommit():
            # a refusal is decided before anything is written, so the caller's transaction needs no savepoint
            with transaction.atomic(using=connection.alias, savepoint=False):
                yield
            return
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        raw = connection.connection
        try:
            yield
            self._check(self._send(raw, COMMIT, []))
        finally:
            if raw.pgconn.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
                raw.pgconn.exec_(b"ROLLBACK")

    def _run(self, statement: Statement, params: list[bytes | None]) -> Any:
        connection = self.connection
        connection.validate_no_broken_transaction()
        raw: psycopg.Connection[Any] = connection.connection
        if raw.pgconn.transaction_status == TransactionStatus.IDLE:
            # psycopg opens the transaction with its own first statement; ours go beneath it
            self._check(self._send(raw, BEGIN, []))
        start = time.monotonic() if connection.queries_logged else 0.0
        try:
            return self._check(self._send(raw, statement, params))
        finally:
            if connection.queries_logged:
                spent = time.monotonic() - start
                connection.queries_log.append({"sql": statement.text.decode(), "time": f"{spent:.3f}"})

    def _send(self, raw: psycopg.Connection[Any], statement: Statement, params: Any) -> Any:
        # Only calls that let other threads run while they wait: libpq's pipeline, as psycopg.pq offers it, does not,
        # and two threads of one process would wait for each other for ever.
        if raw.prepare_threshold is not None:
            # somebody lets psycopg prepare too; it may then drop all prepared statements, so none is relied on
            return raw.pgconn.exec_params(statement.text, params)
        self._prepare(raw, statement)
        return raw.pgconn.exec_prepared(statement.name, params)

    def _prepare(self, raw: psycopg.Connection[Any], statement: Statement) -> None:
        names = _prepared.get(raw)
        if names is None:
            names = _prepared[raw] = set()
        if statement.name not in names:
            self._check(raw.pgconn.prepare(statement.name, statement.text))
            names.add(statement.name)

    def _check(self, result: Any) -> Any:
        if result.status in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            return result
        with self.connection.wrap_database_errors:
            raise psycopg.errors.error_from_result(result)
