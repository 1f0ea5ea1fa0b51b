"""Read transfers as they are hashed, many at a time, with what their row says of itself beside it."""

from __future__ import annotations

import datetime as dt
import uuid as uuid_module
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections

from timebank.ledger.canon import content
from timebank.ledger.store import HEAD_COLUMNS

_HEADS = [name for name, _type in HEAD_COLUMNS]
_SELECT = f"""SELECT {", ".join(f"t.{name}" for name in _HEADS)},
    p.leg, p.debit_id, p.credit_id, p.amount, p.debit_version, p.debit_balance, p.credit_version, p.credit_balance,
    p.debit_expires_on, p.credit_expires_on, p.debit_restriction, p.credit_restriction, p.origin_id, d.key, c.key"""
_JOINS = """LEFT JOIN ledger_posting p ON p.transfer_id = t.id
    LEFT JOIN ledger_account d ON d.id = p.debit_id LEFT JOIN ledger_account c ON c.id = p.credit_id"""


class PostingRead(NamedTuple):
    """A posting as read."""

    leg: int
    debit_id: int
    credit_id: int
    amount: int
    debit_version: int | None
    debit_balance: int | None
    credit_version: int | None
    credit_balance: int | None
    debit_expires_on: dt.date | None
    credit_expires_on: dt.date | None
    debit_restriction: str | None
    credit_restriction: str | None
    origin_id: int | None


class Read(NamedTuple):
    """A transfer as read: ``content`` is what is hashed, ``extra`` what the query asked for beside it."""

    id: int
    content: dict[str, Any]
    content_hash: bytes
    postings: list[PostingRead]
    extra: tuple[Any, ...]


def read_unsealed(after: int, limit: int, alias: str = DEFAULT_DB_ALIAS) -> list[Read]:
    """Read the transfers that wait to be sealed, in order of id, at most so many."""
    return list(
        _read(
            f"{_SELECT} FROM (SELECT transfer_id FROM ledger_unsealed WHERE transfer_id > %s "
            f"ORDER BY transfer_id LIMIT %s) u JOIN ledger_transfer t ON t.id = u.transfer_id {_JOINS} "
            "ORDER BY t.id, p.id",
            [after, limit],
            alias,
        )
    )


def read_sealed(first: int, last: int, alias: str = DEFAULT_DB_ALIAS) -> Iterator[Read]:
    """Read the transfers of some seals, in order; ``extra`` = (seal, position, leaf, transfer id of the member)."""
    return _read(
        f"{_SELECT}, m.seal_id, m.position, m.leaf, m.transfer_id FROM ledger_sealmember m "
        f"LEFT JOIN ledger_transfer t ON t.id = m.transfer_id {_JOINS} "
        "WHERE m.seal_id BETWEEN %s AND %s ORDER BY m.seal_id, m.position, p.id",
        [first, last],
        alias,
    )


def read_one(transfer_id: int, alias: str = DEFAULT_DB_ALIAS) -> Read | None:
    """Read one transfer."""
    return next(
        _read(f"{_SELECT} FROM ledger_transfer t {_JOINS} WHERE t.id = %s ORDER BY p.id", [transfer_id], alias), None
    )


def _read(sql: str, params: Sequence[Any], alias: str) -> Iterator[Read]:
    connection = connections[alias]
    lite = connection.vendor != "postgresql"
    heads = len(_HEADS)
    legs = heads + 13
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        head: tuple[Any, ...] = ()
        place: Any = None
        extra: tuple[Any, ...] = ()
        postings: list[PostingRead] = []
        names: dict[int, str] = {}
        while rows := cursor.fetchmany(5000):
            for row in rows:
                here = (row[0], row[legs + 2 :])
                if here != place:
                    if place is not None:
                        yield _made(head, postings, names, extra, lite)
                    place, head, extra, postings = here, row[:heads], row[legs + 2 :], []
                if row[heads] is not None:
                    fields = row[heads:legs]
                    if lite:
                        fields = (*fields[:8], _day(fields[8]), _day(fields[9]), *fields[10:])
                    postings.append(PostingRead(*fields))
                    names[row[heads + 1]] = row[legs]
                    names[row[heads + 2]] = row[legs + 1]
        if place is not None:
            yield _made(head, postings, names, extra, lite)


def _made(
    row: tuple[Any, ...], postings: list[PostingRead], names: dict[int, str], extra: tuple[Any, ...], lite: bool
) -> Read:
    head = dict(zip(_HEADS, row, strict=True))
    if head["id"] is None:  # a seal names a transfer that is gone
        return Read(0, {}, b"", [], extra)
    if lite:
        head["uuid"] = uuid_module.UUID(head["uuid"])
        moment = head["posted_at"]
        if not isinstance(moment, dt.datetime):
            moment = dt.datetime.fromisoformat(moment)
        head["posted_at"] = moment.replace(tzinfo=moment.tzinfo or dt.UTC)
        head["effective_on"] = _day(head["effective_on"])
    return Read(head["id"], content(head, postings, names.__getitem__), bytes(head["content_hash"]), postings, extra)


def _day(value: Any) -> dt.date | None:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value
