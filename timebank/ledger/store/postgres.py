"""Posting on PostgreSQL: three prepared statements, one round trip each, inside the caller's transaction.

They are sent through ``psycopg.pq``, the documented thin layer over libpq, on Django's own connection: a prepared
statement with a generic plan costs a fraction of the same text sent and planned again. What is sent still appears in
Django's query log, so query budgets count it.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid as uuid_module
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
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


@cache
def write_statement(single: bool, wallets: bool, known_lots: bool, new_lots: bool) -> Statement:
    """Compose the writing statement for what there is to write."""
    number = 0

    def arrays(*types: str) -> str:
        nonlocal number
        number += len(types)
        return ", ".join(f"${number - len(types) + i + 1}::{name}[]" for i, name in enumerate(types))

    head_names = ", ".join(name for name, _type in HEAD_COLUMNS)
    head_types = [kind for _name, kind in HEAD_COLUMNS]
    if single:
        number = len(head_types)
        source = "VALUES ({})".format(", ".join(f"${i}::{kind}" for i, kind in enumerate(head_types, 1)))
    else:
        source = f"SELECT * FROM unnest({arrays(*head_types)})"
    parts = [
        f"head AS (INSERT INTO ledger_transfer ({head_names}) {source} RETURNING id)",
        "queue AS (INSERT INTO ledger_unsealed (transfer_id) SELECT id FROM head)",
    ]
    counts = []
    if wallets:
        parts.append(
            "wallet AS (UPDATE ledger_account a SET balance = v.balance, version = v.version, debt = v.debt "
            f"FROM unnest({arrays('bigint', 'bigint', 'bigint', 'bigint', 'bigint')}) "
            "AS v(id, before, balance, version, debt) WHERE a.id = v.id AND a.version = v.before RETURNING 1)"
        )
        counts.append("(SELECT count(*) FROM wallet)")
    if known_lots:
        parts.append(
            "known AS (UPDATE ledger_lot l SET remaining = v.remaining "
            f"FROM unnest({arrays('bigint', 'bigint', 'bigint')}) AS v(id, before, remaining) "
            "WHERE l.id = v.id AND l.remaining = v.before RETURNING 1)"
        )
        counts.append("(SELECT count(*) FROM known)")
    if new_lots:
        parts.append(
            "fresh AS (INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining) "
            f"SELECT * FROM unnest({arrays('bigint', 'date', 'text', 'bigint')}) "
            "ON CONFLICT (account_id, expires_on, restriction) "
            "DO UPDATE SET remaining = ledger_lot.remaining + excluded.remaining)"
        )
    posting_names = ", ".join(name for name, _type in POSTING_COLUMNS)
    posting_source = f"SELECT * FROM unnest({arrays(*(kind for _name, kind in POSTING_COLUMNS))})"
    parts.append(f"posting AS (INSERT INTO ledger_posting ({posting_names}) {posting_source})")
    text = f"WITH {', '.join(parts)} SELECT {' + '.join(counts) or '0'}"
    name = "ledger_write_" + "".join("ny"[flag] for flag in (single, wallets, known_lots, new_lots))
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
_HEAD_ALONE = [(name, _ALONE[kind]) for name, kind in HEAD_COLUMNS]
_HEAD_IN_ARRAY = [(name, _IN_ARRAY[kind]) for name, kind in HEAD_COLUMNS]
_POSTING_IN_ARRAY = [_IN_ARRAY[kind] for _name, kind in POSTING_COLUMNS]


def _array(values: Iterable[bytes]) -> bytes:
    return b"{" + b",".join(values) + b"}"


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
        known = [lot for lot in effects.lots if lot.id is not None]
        fresh = [lot for lot in effects.lots if lot.id is None]
        single = len(effects.heads) == 1
        statement = write_statement(single, bool(effects.wallets), bool(known), bool(fresh))
        params: list[bytes | None]
        if single:
            head = effects.heads[0]
            params = [None if (value := head[name]) is None else encode(value) for name, encode in _HEAD_ALONE]
        else:
            params = [_array([encode(head[name]) for head in effects.heads]) for name, encode in _HEAD_IN_ARRAY]
        if effects.wallets:
            wallets = effects.wallets
            params += [
                _array([b"%d" % wallet.id for wallet in wallets]),
                _array([b"%d" % wallet.before.version for wallet in wallets]),
                _array([b"%d" % wallet.balance for wallet in wallets]),
                _array([b"%d" % wallet.version for wallet in wallets]),
                _array([b"%d" % wallet.debt for wallet in wallets]),
            ]
        if known:
            params += [
                _array([b"%d" % (lot.id or 0) for lot in known]),
                _array([b"%d" % lot.before for lot in known]),
                _array([b"%d" % lot.remaining for lot in known]),
            ]
        if fresh:
            params += [
                _array([b"%d" % lot.account_id for lot in fresh]),
                _array([_day(lot.expires_on) for lot in fresh]),
                _array([_text(lot.restriction) for lot in fresh]),
                _array([b"%d" % lot.remaining for lot in fresh]),
            ]
        for column, encode in zip(zip(*effects.postings, strict=True), _POSTING_IN_ARRAY, strict=True):
            params.append(_array([encode(value) for value in column]))
        result = self._run(statement, params)
        if int(result.get_value(0, 0) or 0) != len(effects.wallets) + len(known):
            raise LostLockError([wallet.key for wallet in effects.wallets])

    def _run(self, statement: Statement, params: list[bytes | None]) -> Any:
        connection = self.connection
        connection.validate_no_broken_transaction()
        raw: psycopg.Connection[Any] = connection.connection
        pgconn = raw.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE:
            # psycopg opens the transaction with its own first statement; ours go beneath it
            self._check(pgconn.exec_(b"BEGIN ISOLATION LEVEL READ COMMITTED"))
        if not connection.queries_logged:
            return self._check(self._send(raw, statement, params))
        start = time.monotonic()
        try:
            return self._check(self._send(raw, statement, params))
        finally:
            connection.queries_log.append({"sql": statement.text.decode(), "time": f"{time.monotonic() - start:.3f}"})

    def _send(self, raw: psycopg.Connection[Any], statement: Statement, params: list[bytes | None]) -> Any:
        if raw.prepare_threshold is not None:
            # somebody lets psycopg prepare too; it may then drop all prepared statements, so none is relied on
            return raw.pgconn.exec_params(statement.text, params)
        names = _prepared.get(raw)
        if names is None:
            names = _prepared[raw] = set()
        if statement.name not in names:
            self._check(raw.pgconn.prepare(statement.name, statement.text))
            names.add(statement.name)
        return raw.pgconn.exec_prepared(statement.name, params)  # type: ignore[arg-type]  # None is NULL there

    def _check(self, result: Any) -> Any:
        if result.status in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            return result
        with self.connection.wrap_database_errors:
            raise psycopg.errors.error_from_result(result)
