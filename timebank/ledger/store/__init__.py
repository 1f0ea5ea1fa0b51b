"""Reading under lock and writing, once for each database; the rules are in ``plan``."""

from __future__ import annotations

import uuid as uuid_module
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from django.db import connections

from timebank.ledger.plan import AccountRow, Effects, LotRow
from timebank.ledger.types import Posted, TransferSpec

HEAD_COLUMNS = (
    ("id", "bigint"),
    ("uuid", "uuid"),
    ("key", "text"),
    ("request_hash", "bytea"),
    ("content_hash", "bytea"),
    ("unit", "smallint"),
    ("kind", "text"),
    ("posted_at", "timestamptz"),
    ("effective_on", "date"),
    ("reason", "text"),
    ("memo", "text"),
    ("actor", "text"),
    ("on_behalf_of", "text"),
    ("source", "text"),
    ("rule", "text"),
    ("reverses_id", "bigint"),
    ("refund_of_id", "bigint"),
)
POSTING_COLUMNS = (
    ("transfer_id", "bigint"),
    ("leg", "smallint"),
    ("unit", "smallint"),
    ("debit_id", "bigint"),
    ("credit_id", "bigint"),
    ("amount", "bigint"),
    ("debit_version", "bigint"),
    ("debit_balance", "bigint"),
    ("credit_version", "bigint"),
    ("credit_balance", "bigint"),
    ("debit_expires_on", "date"),
    ("credit_expires_on", "date"),
    ("debit_restriction", "text"),
    ("credit_restriction", "text"),
    ("origin_id", "bigint"),
)

#: What is already posted: uuid → (transfer id, request hash).
Known = dict[uuid_module.UUID, tuple[int, bytes]]


class LostLockError(RuntimeError):
    """A wallet changed between reading and writing it although it was locked: a defect, never a refusal."""


class Batch(NamedTuple):
    """Well-formed specs with the hashes of what is asked; ``alone``: one spec that is posted by itself."""

    specs: Sequence[TransferSpec]
    asked: Sequence[bytes]
    alone: bool = False


class Store(Protocol):
    """A posting: take, decide, write, in this order, within ``transaction()``."""

    def transaction(self) -> AbstractContextManager[None]:
        """Join the caller's transaction, or open one that ends with ``write``."""
        ...

    def take(
        self, keys: Sequence[str], payers: Sequence[str], uuids: Sequence[uuid_module.UUID], transfers: int
    ) -> tuple[list[int], list[AccountRow], list[LotRow], Known]:
        """Lock the wallets among these accounts in ascending id and read all; hand out so many transfer ids.

        Then, in a snapshot later than the lock, read the payers' lots and which of the transfers exist already.
        """
        ...

    def known(self, uuids: Sequence[uuid_module.UUID]) -> Known:
        """Read which of these transfers exist already."""
        ...

    def write(self, effects: Effects) -> None:
        """Write heads, postings, wallets, lots and the sealer's queue."""
        ...

    def try_fast(self, batches: Iterable[Batch]) -> Iterator[list[Posted] | None]:
        """Try the short way with each batch, where there is one; None: the caller writes this one before the next."""
        ...


def store_for(alias: str) -> Store:
    """Return the store of this database, one for each connection."""
    connection = connections[alias]
    result: Store | None = connection.__dict__.get("ledger_store")
    if result is None:
        result = connection.__dict__["ledger_store"] = _made(connection)
    return result


def _made(connection: Any) -> Store:
    if connection.vendor == "postgresql":
        from timebank.ledger.store.postgres import PostgresStore

        return PostgresStore(connection)
    from timebank.ledger.store.sqlite import SqliteStore

    return SqliteStore(connection)
