"""Read transfers back from the tables and make, a second time and in another way, the bytes that are hashed.

Sealer and verifier read through here. What is read comes in portions of ``BATCH`` transfers with one statement for each
table, so that neither memory nor the database's plan depends on how long the history is. The bytes are put together
from a template of our own, column by column as the database gives them: nothing of it is shared with the code that
writes the hash (``canon.leaf_hash_of``), and a test holds both against ``canon.content``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from timebank.ledger.canon import content, instant
from timebank.ledger.models import Account, Posting, Transfer
from timebank.ledger.units import UNIT_NAMES

BATCH = 2000  # transfers read at once
NAMES = 50_000  # account keys remembered at once

#: A transfer as canonical JSON, with the domain byte of a leaf before it.
_TEMPLATE = (
    '\0{"actor":%s,"effective_on":%s,"id":%d,"key":%s,"kind":%s,"memo":%s,"on_behalf_of":%s,"posted_at":"%s",'
    '"postings":[%s],"reason":%s,"refund_of":%s,"request":"%s","reverses":%s,"rule":%s,"source":%s,"unit":"%s",'
    '"uuid":"%s"}'
)
_HEAD = (
    "SELECT t.id, t.content_hash, t.actor, {effective_on}, t.key, t.kind, t.memo, t.on_behalf_of, {posted_at}, "
    "t.reason, t.refund_of_id, t.request_hash, t.reverses_id, t.rule, t.source, t.unit, {uuid} "
    "FROM ledger_transfer t WHERE t.id {ids}"
)
_POSTINGS = (
    "SELECT p.transfer_id, p.leg, p.debit_id, p.credit_id, p.amount, p.debit_version, p.debit_balance, "
    "p.credit_version, p.credit_balance, {debit_expires_on}, {credit_expires_on}, p.debit_restriction, "
    "p.credit_restriction, p.origin_id FROM ledger_posting p WHERE p.transfer_id {ids} "
    "ORDER BY p.transfer_id, p.id"
)
#: A posting as read: transfer, leg, debit, credit, amount and what follows in ``_POSTINGS``.
PostingRow = tuple[Any, ...]


class Member(NamedTuple):
    """What a seal says of one transfer."""

    transfer_id: int
    seal: int
    position: int
    leaf: bytes


class Read(NamedTuple):
    """A transfer as read.

    ``leaf`` is the hash of what was read (empty when that cannot have been posted: it is gone, or names an account
    that does not exist), ``content_hash`` what its row says of itself (empty when it is gone).
    """

    id: int
    unit: str
    leaf: bytes
    content_hash: bytes
    named: bool  # its uuid is made from its key
    postings: Sequence[PostingRow]


def read_unsealed(after: int, limit: int | None, alias: str = DEFAULT_DB_ALIAS) -> Iterator[Read]:
    """Read the transfers that wait to be sealed, in order of id, at most so many (None: all)."""
    reader = _Reader(alias)
    while limit is None or limit > 0:
        size = BATCH if limit is None else min(limit, BATCH)
        with reader.connection.cursor() as cursor:
            cursor.execute(
                "SELECT transfer_id FROM ledger_unsealed WHERE transfer_id > %s ORDER BY transfer_id LIMIT %s",
                [after, size],
            )
            waiting = [int(row[0]) for row in cursor.fetchall()]
        yield from reader.read(waiting)
        if len(waiting) < size:
            return
        after = waiting[-1]
        limit = None if limit is None else limit - size


def read_sealed(first: int, alias: str = DEFAULT_DB_ALIAS) -> Iterator[tuple[Member, Read]]:
    """Read the transfers of all seals from this number on, in order of seal and place."""
    reader = _Reader(alias)
    members = _members(first, alias)
    while portion := list(islice(members, BATCH)):
        yield from zip(portion, reader.read([member.transfer_id for member in portion]), strict=True)


def read_content(transfer_id: int) -> dict[str, Any] | None:
    """Return a transfer as it is handed out in a receipt."""
    head = Transfer.objects.filter(pk=transfer_id).values().first()
    if head is None:
        return None
    rows = list(Posting.objects.filter(transfer_id=transfer_id).order_by("id"))
    ids = {account for row in rows for account in (row.debit_id, row.credit_id)}
    names = dict(Account.objects.filter(pk__in=ids).values_list("pk", "key"))
    return content(head, rows, names.__getitem__)


def _members(first: int, alias: str) -> Iterator[Member]:
    """Walk the members of the seals by the index on (seal, position), a portion at a time."""
    seal, position = first, -(1 << 31)
    while True:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT transfer_id, seal_id, position, leaf FROM ledger_sealmember "
                "WHERE (seal_id, position) > (%s, %s) ORDER BY seal_id, position LIMIT %s",
                [seal, position, BATCH],
            )
            rows = cursor.fetchall()
        for transfer_id, seal, position, leaf in rows:
            yield Member(transfer_id, seal, position, _bytes(leaf))
        if len(rows) < BATCH:
            return


class _Reader:
    """Reads transfers by id and remembers the keys of the accounts that it met last."""

    def __init__(self, alias: str) -> None:
        self.connection = connections[alias]
        self.names: dict[int, str] = {}
        day, now, uuid = _columns(self.connection)
        self._head = _HEAD.format(
            effective_on=day("t.effective_on"), posted_at=now("t.posted_at"), uuid=uuid("t.uuid"), ids="{ids}"
        )
        self._postings = _POSTINGS.format(
            debit_expires_on=day("p.debit_expires_on"), credit_expires_on=day("p.credit_expires_on"), ids="{ids}"
        )

    def read(self, ids: Sequence[int]) -> list[Read]:
        """Read these transfers, in this order."""
        if not ids:
            return []
        chosen = _chosen(ids)
        postings: dict[int, list[PostingRow]] = {}
        with self.connection.cursor() as cursor:
            cursor.execute(self._head.format(ids=chosen))
            heads = {row[0]: row for row in cursor.fetchall()}
            cursor.execute(self._postings.format(ids=chosen))
            for row in cursor.fetchall():
                postings.setdefault(row[0], []).append(row)
        self._learn({account for rows in postings.values() for row in rows for account in row[2:4]})
        lite = self.connection.vendor != "postgresql"
        return [self._made(item, heads.get(item), postings.get(item, ()), lite) for item in ids]

    def _learn(self, accounts: set[int]) -> None:
        unknown = accounts - self.names.keys()
        if not unknown:
            return
        if len(self.names) + len(unknown) > NAMES:
            self.names.clear()
            unknown = accounts
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT id, key FROM ledger_account WHERE id {_chosen([*unknown])}")
            self.names.update((id_, quoted(key)) for id_, key in cursor.fetchall() if id_ in unknown)

    def _made(self, id_: int, head: tuple[Any, ...] | None, postings: Sequence[PostingRow], lite: bool) -> Read:
        if head is None:
            return Read(id_, "", b"", b"", False, postings)
        unit = UNIT_NAMES.get(head[15], "")
        try:
            if lite:
                head = (*head[:8], _moment(head[8]), *head[9:16], _dashed(head[16]))
            leaf = hashlib.sha256(content_text(head, unit, postings, self.names).encode()).digest()
            named = uuid_of(head[4]) == head[16]
        except (KeyError, TypeError, ValueError, AttributeError):  # nothing that was ever posted looks so
            leaf, named = b"", False
        return Read(id_, unit, leaf, _bytes(head[1]), named, postings)


def content_text(head: tuple[Any, ...], unit: str, postings: Iterable[PostingRow], names: dict[int, str]) -> str:
    """Write the canonical JSON of a transfer with the domain byte before it; ``names`` are quoted account keys."""
    rows = []
    for _id, leg, debit, credit, amount, dv, db, cv, cb, dday, cday, dwhat, cwhat, origin in postings:
        rows.append(
            f"[{leg:d},{names[debit]},{names[credit]},{amount:d},"
            f"{'null' if dv is None else dv},{'null' if db is None else db},"
            f"{'null' if cv is None else cv},{'null' if cb is None else cb},"
            f"{'null' if dday is None else quoted(dday)},{'null' if cday is None else quoted(cday)},"
            f"{'null' if dwhat is None else quoted(dwhat)},{'null' if cwhat is None else quoted(cwhat)},"
            f"{'null' if origin is None else origin}]"
        )
    id_, _hash, actor, day, key, kind, memo, behalf, now, reason, refund, request, reverses, rule, source = head[:15]
    return _TEMPLATE % (
        quoted(actor),
        quoted(day),
        id_,
        quoted(key),
        quoted(kind),
        quoted(memo),
        quoted(behalf),
        now,
        ",".join(rows),
        quoted(reason),
        "null" if refund is None else refund,
        _bytes(request).hex(),
        "null" if reverses is None else reverses,
        quoted(rule),
        quoted(source),
        unit,
        head[16],
    )


_NUMBER = re.compile("[0-9]+")
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def uuid_of(key: str) -> str:
    """Derive the public identity of a transfer from its key, as text: version 8, variant of RFC 9562."""
    near = _NUMBER.sub(lambda number: number[0][:-2], key)
    h = hashlib.blake2b(near.encode(), digest_size=4, person=b"shanji-near").hexdigest()
    h += hashlib.blake2b(key.encode(), digest_size=12, person=b"shanji-transfer").hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def _columns(connection: BaseDatabaseWrapper) -> tuple[Any, Any, Any]:
    """Say how a day, an instant and a uuid are read as text: without an object for each, and in one form only."""
    if connection.vendor == "postgresql":
        return (
            "to_char({}, 'YYYY-MM-DD')".format,
            """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')""".format,
            "CAST({} AS text)".format,
        )
    return ("CAST({} AS text)".format,) * 3


def _moment(text: str) -> str:
    """Write an instant as SQLite keeps it in the canonical form."""
    now = dt.datetime.fromisoformat(text)
    return instant(now.replace(tzinfo=now.tzinfo or dt.UTC))


def _dashed(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _chosen(ids: Sequence[int]) -> str:
    """Choose rows by id: as a range where that has few strangers in it, each one else.

    Our own integers stand there as literals, so that the database plans for what they are.
    """
    first, last = min(ids), max(ids)
    if last - first < 2 * len(ids):
        return f"BETWEEN {first:d} AND {last:d}"
    return f"IN ({', '.join(f'{item:d}' for item in ids)})"


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
