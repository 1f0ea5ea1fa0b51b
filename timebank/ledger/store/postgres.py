"""Posting on PostgreSQL: three statements, inside the caller's transaction.

Locking and reading each take a snapshot of their own when their turn comes. With the short way on (``fast``) the three
are prepared and travel in two round trips, the last with the COMMIT if the transaction is ours; and what is plain is
posted by one call of a function of the database.
"""

from __future__ import annotations

import datetime as dt
import uuid as uuid_module
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import DataError, transaction

from timebank.ledger.fast import fast_for
from timebank.ledger.plan import AccountRow, Effects, LotRow
from timebank.ledger.store import HEAD_COLUMNS, POSTING_COLUMNS, Batch, Known, LostLockError
from timebank.ledger.store.plain import Plain, Statement
from timebank.ledger.types import Posted

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
    b"""SELECT l.id, l.account_id, l.expires_on, l.restriction, l.remaining, NULL
        FROM ledger_account a JOIN ledger_lot l ON l.account_id = a.id
        WHERE a.key = ANY($1::text[]) AND a.guarded AND l.remaining > 0
    UNION ALL
    SELECT id, 0, NULL, uuid::text, 0, request_hash FROM ledger_transfer WHERE uuid = ANY($2::uuid[])""",
)


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


def _column(values: Sequence[Any], encode: Callable[[Any], bytes]) -> bytes:
    if values.count(values[0]) == len(values):  # kind, reason, day and the like are the same in a whole batch
        return _array([encode(values[0])] * len(values))
    return _array([encode(value) for value in values])


def _rows(rows: Sequence[Sequence[Any]], types: Sequence[str]) -> list[bytes | None]:
    """Encode rows for ``write_statement``: value by value if they are few, else an array for each column."""
    if len(rows) > FEW:
        return [_column(column, _IN_ARRAY[kind]) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    alone = [_ALONE[kind] for kind in types]
    return [None if value is None else encode(value) for row in rows for value, encode in zip(row, alone, strict=True)]


_to_day = dt.date.fromisoformat


def _accounts(item: Any) -> tuple[list[int], list[AccountRow]]:
    """Read the answer of ``LOCK``."""
    ids: list[int] = []
    rows: list[AccountRow] = []
    value = item.get_value
    for i in range(item.ntuples):
        number = int(value(i, 0))
        key = value(i, 1)
        if key is None:
            ids.append(number)
            continue
        rows.append(
            AccountRow(
                number,
                key.decode(),
                int(value(i, 2)),
                int(value(i, 3)),
                int(value(i, 4)),
                value(i, 5) == b"open",
                value(i, 6).decode(),
                int(value(i, 7) or 0),
            )
        )
    return ids, rows


def _lots(item: Any) -> tuple[list[LotRow], Known]:
    """Read the answer of ``READ``."""
    lots: list[LotRow] = []
    known: Known = {}
    value = item.get_value
    for i in range(item.ntuples):
        number = int(value(i, 0))
        hashed = value(i, 5)
        text = value(i, 3).decode()
        if hashed is not None:
            known[uuid_module.UUID(text)] = (number, bytes.fromhex(hashed[2:].decode()))
            continue
        lots.append(LotRow(number, int(value(i, 1)), _to_day(value(i, 2).decode()), text, int(value(i, 4))))
    return lots, known


class PostgresStore:
    """See ``Store``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.fast = fast_for(connection)
        self.send = self.fast.wire.run if self.fast else Plain(connection).run
        self.own = False  # the transaction is ours alone, and ends with what we write

    def take(
        self, keys: Sequence[str], payers: Sequence[str], uuids: Sequence[uuid_module.UUID], transfers: int
    ) -> tuple[list[int], list[AccountRow], list[LotRow], Known]:
        """Lock, then read in a new statement: its snapshot is later than the lock, so it sees what others did."""
        locked, read = self.send(
            (LOCK, [_array(_text(key) for key in keys), b"%d" % transfers]),
            (READ, [_array(map(_text, payers)), _array(uuid.hex.encode() for uuid in uuids)]),
        )
        return (*_accounts(locked), *_lots(read))

    def known(self, uuids: Sequence[uuid_module.UUID]) -> Known:
        """Look for transfers."""
        (read,) = self.send((READ, [b"{}", _array(uuid.hex.encode() for uuid in uuids)]))
        return _lots(read)[1]

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
            statement = (write_statement(*counts), params)
            self.fast.wire.run(statement, commit=True) if self.own and self.fast else self.send(statement)
        except DataError as error:
            raise LostLockError([wallet.key for wallet in effects.wallets]) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Join the caller's transaction, or open one of our own with less ado than ``atomic``."""
        connection = self.connection
        if self.fast is None or connection.in_atomic_block or not connection.get_autocommit():
            # a refusal is decided before anything is written, so the caller's transaction needs no savepoint
            with transaction.atomic(using=connection.alias, savepoint=False):
                yield
            return
        self.own = True
        try:
            with self.fast.wire.transaction():
                yield
        finally:
            self.own = False

    def try_fast(self, batches: Iterable[Batch]) -> Iterator[list[Posted] | None]:
        """Try the short way, where it is on."""
        return self.fast.post(batches) if self.fast else (None for _batch in batches)
