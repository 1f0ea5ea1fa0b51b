"""Statements, page by page, newest first."""

from __future__ import annotations

import datetime as dt
import uuid as uuid_module
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection

from timebank.ledger.plan import uses
from timebank.ledger.types import Line, Page

#: Each side has its own index, newest last: two short reads, merged, and only then the heads and the names beside them.
#: Bounds and order name both columns of that index instead of saying that the account is this one: a planner that may,
#: walks backwards through everybody's postings until it has met enough of an account that it takes for a busy one.
_ROWS = """
SELECT p.id, p.transfer_id, p.leg, p.credited, p.amount, p.balance, p.day, p.restriction, coalesce(o.key, ''),
    t.posted_at, t.effective_on, t.kind, t.memo, t.reason, t.actor, t.on_behalf_of, t.source, t.rule, t.uuid
FROM (
    SELECT * FROM (
        SELECT id, transfer_id, leg, 1 AS credited, debit_id AS other, amount, credit_balance AS balance,
            credit_expires_on AS day, credit_restriction AS restriction
        FROM ledger_posting
        WHERE credit_id >= (SELECT id FROM ledger_account WHERE key = %s)
            AND (credit_id, id) < ((SELECT id FROM ledger_account WHERE key = %s), %s)
        ORDER BY credit_id DESC, id DESC LIMIT %s) c
    UNION ALL SELECT * FROM (
        SELECT id, transfer_id, leg, 0 AS credited, credit_id AS other, amount, debit_balance AS balance,
            debit_expires_on AS day, debit_restriction AS restriction
        FROM ledger_posting
        WHERE debit_id >= (SELECT id FROM ledger_account WHERE key = %s)
            AND (debit_id, id) < ((SELECT id FROM ledger_account WHERE key = %s), %s)
        ORDER BY debit_id DESC, id DESC LIMIT %s) d
    ORDER BY id DESC LIMIT %s) p
JOIN ledger_transfer t ON t.id = p.transfer_id LEFT JOIN ledger_account o ON o.id = p.other ORDER BY p.id DESC"""

_END = (1 << 63) - 1


class _Row(NamedTuple):
    """A posting seen from one account, with the head of its transfer."""

    id: int
    transfer_id: int
    leg: int
    credited: int
    amount: int
    balance: int | None
    day: dt.date | None
    restriction: str | None
    counterparty: str
    posted_at: dt.datetime
    effective_on: dt.date
    kind: str
    memo: str
    reason: str
    actor: str
    on_behalf_of: str
    source: str
    rule: str
    uuid: uuid_module.UUID | str


def statement(key: str, *, before: int | None = None, limit: int = 30) -> Page:
    """Return a page of an account's statement: a line for each leg of a transfer; ``next`` asks for older ones."""
    lines: list[Line] = []
    for _place, group in groupby(_newest_first(key, before, limit), key=lambda row: (row.transfer_id, row.leg)):
        if len(lines) == limit:
            return Page(lines, lines[-1].id if lines else None)
        lines.append(_line(list(group)))
    return Page(lines, None)


def _newest_first(key: str, before: int | None, limit: int) -> Iterator[_Row]:
    """Read the postings of an account backwards, in portions that suffice when a line has not too many lots."""
    size = limit + limit // 4 + 2
    before = _END if before is None else min(before, _END)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, [key, key, before, size, key, key, before, size, size])
            rows = cursor.fetchall()
        yield from map(_Row._make, rows)
        if len(rows) < size:
            return
        before = rows[-1][0]


def _line(rows: list[_Row]) -> Line:
    row = rows[0]
    total = sum(item.amount for item in rows)
    return Line(
        id=rows[-1].id,
        posted_at=_moment(row.posted_at),
        effective_on=_day(row.effective_on),
        kind=row.kind if row.leg >= 0 else "debt",
        amount=total if row.credited else -total,
        balance_after=row.balance,
        counterparty=row.counterparty,
        memo=row.memo,
        reason=row.reason,
        actor=row.actor,
        on_behalf_of=row.on_behalf_of,
        source=row.source,
        rule=row.rule,
        transfer_id=row.transfer_id,
        transfer_uuid=str(row.uuid if isinstance(row.uuid, uuid_module.UUID) else uuid_module.UUID(row.uuid)),
        lots=uses(_Side(item.amount, item.day and _day(item.day), item.restriction) for item in reversed(rows)),
    )


class _Side(NamedTuple):
    """A posting seen from one side only, as ``uses`` takes it."""

    amount: int
    debit_expires_on: dt.date | None
    debit_restriction: str | None
    leg: int = 0
    credit_expires_on: None = None
    credit_restriction: None = None


def _day(value: Any) -> dt.date:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value  # SQLite keeps a text


def _moment(value: Any) -> dt.datetime:
    now: dt.datetime = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return now if now.tzinfo else now.replace(tzinfo=dt.UTC)
