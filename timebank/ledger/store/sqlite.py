"""Posting on SQLite: the same three steps with plain statements; ``BEGIN IMMEDIATE`` makes the writer the only one."""

from __future__ import annotations

import datetime as dt
import json
import uuid as uuid_module
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from timebank.ledger.plan import AccountRow, Effects, LotRow
from timebank.ledger.store import HEAD_COLUMNS, POSTING_COLUMNS, Batch, Known, LostLockError
from timebank.ledger.units import is_guarded

_INSERT_HEAD = "INSERT INTO ledger_transfer ({}) VALUES ({})".format(
    ", ".join(name for name, _type in HEAD_COLUMNS), ", ".join(["%s"] * len(HEAD_COLUMNS))
)
_INSERT_POSTING = "INSERT INTO ledger_posting ({}) VALUES ({})".format(
    ", ".join(name for name, _type in POSTING_COLUMNS), ", ".join(["%s"] * len(POSTING_COLUMNS))
)


def _day(text: str | dt.date) -> dt.date:
    return text if isinstance(text, dt.date) else dt.date.fromisoformat(text)


class SqliteStore:
    """See ``Store``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Join the caller's transaction, or open one."""
        with transaction.atomic(using=self.connection.alias, savepoint=False):
            yield

    def try_fast(self, batches: Iterable[Batch]) -> Iterator[None]:
        """Answer None for each: there is no round trip to be saved here."""
        return (None for _batch in batches)

    def take(
        self, keys: Sequence[str], payers: Sequence[str], uuids: Sequence[uuid_module.UUID], transfers: int
    ) -> tuple[list[int], list[AccountRow], list[LotRow], Known]:
        """Read accounts, lots and known transfers; the transaction itself is the lock."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, key, balance, version, debt, status = 'open', expires_to, coalesce(floor, 0) "
                "FROM ledger_account WHERE key IN (SELECT value FROM json_each(%s))",
                [json.dumps(list(keys))],
            )
            rows = [AccountRow._make((*row[:5], bool(row[5]), *row[6:])) for row in cursor.fetchall()]
            cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_transfer")
            last = int(cursor.fetchone()[0])
            wallets = [row.id for row in rows if row.key in payers and is_guarded(row.id)]
            lots: list[LotRow] = []
            if wallets:
                cursor.execute(
                    "SELECT id, account_id, expires_on, restriction, remaining FROM ledger_lot "
                    "WHERE remaining > 0 AND account_id IN (SELECT value FROM json_each(%s))",
                    [json.dumps(wallets)],
                )
                lots = [LotRow(row[0], row[1], _day(row[2]), row[3], row[4]) for row in cursor.fetchall()]
        return list(range(last + 1, last + 1 + transfers)), rows, lots, self.known(uuids)

    def known(self, uuids: Sequence[uuid_module.UUID]) -> Known:
        """Look for transfers."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT uuid, id, request_hash FROM ledger_transfer WHERE uuid IN (SELECT value FROM json_each(%s))",
                [json.dumps([uuid.hex for uuid in uuids])],
            )
            return {uuid_module.UUID(row[0]): (int(row[1]), bytes(row[2])) for row in cursor.fetchall()}

    def write(self, effects: Effects) -> None:
        """Write everything, wallets and lots only if they are as they were read.

        Postings first, then lots, wallets last: the triggers let a lot change only while its wallet lags behind its
        postings, and a wallet only to what postings and lots say by then.
        """
        ops = self.connection.ops
        with self.connection.cursor() as cursor:
            cursor.executemany(
                _INSERT_HEAD,
                [
                    (
                        head["id"],
                        head["uuid"].hex,
                        head["key"],
                        head["request_hash"],
                        head["content_hash"],
                        head["unit"],
                        head["kind"],
                        ops.adapt_datetimefield_value(head["posted_at"]),
                        head["effective_on"].isoformat(),
                        *(head[name] for name, _type in HEAD_COLUMNS[9:]),
                    )
                    for head in effects.heads
                ],
            )
            cursor.executemany(
                _INSERT_POSTING,
                [
                    (
                        *row[:10],
                        row.debit_expires_on and row.debit_expires_on.isoformat(),
                        row.credit_expires_on and row.credit_expires_on.isoformat(),
                        *row[12:],
                    )
                    for row in effects.postings
                ],
            )
            cursor.executemany(
                "INSERT INTO ledger_unsealed (transfer_id) VALUES (%s)", [(head["id"],) for head in effects.heads]
            )
            for lot in effects.lots:
                if lot.id is None:
                    cursor.execute(
                        "UPDATE ledger_lot SET remaining = remaining + %s "
                        "WHERE account_id = %s AND expires_on = %s AND restriction = %s",
                        [lot.remaining, lot.account_id, lot.expires_on.isoformat(), lot.restriction],
                    )
                    if cursor.rowcount == 0:
                        cursor.execute(
                            "INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining) "
                            "VALUES (%s, %s, %s, %s)",
                            [lot.account_id, lot.expires_on.isoformat(), lot.restriction, lot.remaining],
                        )
                else:
                    cursor.execute("UPDATE ledger_lot SET remaining = %s WHERE id = %s", [lot.remaining, lot.id])
            for wallet in effects.wallets:
                cursor.execute(
                    "UPDATE ledger_account SET balance = %s, version = %s, debt = %s WHERE id = %s AND version = %s",
                    [wallet.balance, wallet.version, wallet.debt, wallet.id, wallet.before.version],
                )
                if cursor.rowcount != 1:
                    raise LostLockError(wallet.key)
