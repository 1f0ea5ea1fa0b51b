"""Bytes that are hashed.

Canonical JSON as RFC 8785 has it (sorted keys, UTF-8, no blanks), of integers and strings only: every field is named,
typed and delimited, and a twenty-line script without Django can make the same bytes. So can PostgreSQL: its ``to_json``
escapes a string as Python does, which the functions in ``store/functions.py`` rely on. Domain bytes after RFC 6962.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import uuid as uuid_module
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from timebank.ledger.types import TransferSpec
from timebank.ledger.units import UNIT_NAMES

LEAF, NODE, SEAL = b"\x00", b"\x01", b"\x02"
GENESIS = "0" * 64

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False).encode


def canonical(value: Any) -> bytes:
    """Encode dicts, lists, strings, integers and null."""
    return _encode(value).encode()


def key_uuid(key: str) -> uuid_module.UUID:
    """Derive the public identity of a transfer from its key (UUIDv8, BLAKE2b)."""
    return uuid_module.UUID(bytes=key_bytes(key))


#: The last two digits of every number.
_LOW = re.compile(r"[0-9]{1,2}(?![0-9])")


def key_bytes(key: str) -> bytes:
    """Return the bytes of ``key_uuid``.

    The first four are the same for keys that differ only in the last two digits of their numbers, so that transfers
    of one time are neighbours in the index. Were they strewn over it, every posting would fetch another of its pages,
    and after every checkpoint log it whole: the longer the history, the slower (docs/databases.md).
    """
    near = hashlib.blake2b(_LOW.sub("", key).encode(), digest_size=4, person=b"shanji-near").digest()
    value = bytearray(near + hashlib.blake2b(key.encode(), digest_size=12, person=b"shanji-transfer").digest())
    value[6] = value[6] & 0x0F | 0x80
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def request_hash(spec: TransferSpec, *, link: Sequence[Any] = ()) -> bytes:
    """Hash what was asked for: a key used again with other content is noticed. ``link``: reversal or refund of what."""
    legs = ",".join(
        [
            f"[{quoted(leg.debit)},{quoted(leg.credit)},{leg.amount},{_day_or_null(leg.expires_on)},"
            f"{quoted(leg.restriction)}]"
            for leg in spec.legs
        ]
    )
    text = (
        f"[{quoted(spec.kind)},{quoted(spec.unit)},[{legs}],{_day_or_null(spec.effective_on)},{quoted(spec.reason)},"
        f"{quoted(spec.memo)},{quoted(spec.actor)},{quoted(spec.on_behalf_of)},{quoted(spec.source)},{quoted(spec.rule)},"
        f"[{','.join(map(quoted, spec.allow_restrictions))}],{_encode(list(link)) if link else '[]'}]"
    )
    return hashlib.sha256(text.encode()).digest()


def instant(row: dt.datetime) -> str:
    """Write an instant: UTC, microseconds always present."""
    if row.tzinfo is not dt.UTC:
        row = row.astimezone(dt.UTC)
    return row.isoformat(timespec="microseconds")


POSTING_FIELDS = (
    "leg",
    "debit",
    "credit",
    "amount",
    "debit_version",
    "debit_balance",
    "credit_version",
    "credit_balance",
    "debit_expires_on",
    "credit_expires_on",
    "debit_restriction",
    "credit_restriction",
    "origin",
)


def content(head: Mapping[str, Any], postings: Iterable[Any], name: Callable[[int], str]) -> dict[str, Any]:
    """Describe a transfer as it is hashed and handed out; its postings list their ``POSTING_FIELDS``."""
    return {
        "id": head["id"],
        "uuid": str(head["uuid"]),
        "key": head["key"],
        "request": bytes(head["request_hash"]).hex(),
        "unit": UNIT_NAMES[head["unit"]],
        "kind": head["kind"],
        "posted_at": instant(head["posted_at"]),
        "effective_on": head["effective_on"].isoformat(),
        "reason": head["reason"],
        "memo": head["memo"],
        "actor": head["actor"],
        "on_behalf_of": head["on_behalf_of"],
        "source": head["source"],
        "rule": head["rule"],
        "reverses": head["reverses_id"],
        "refund_of": head["refund_of_id"],
        "postings": [
            [
                row.leg,
                name(row.debit_id),
                name(row.credit_id),
                row.amount,
                row.debit_version,
                row.debit_balance,
                row.credit_version,
                row.credit_balance,
                _day(row.debit_expires_on),
                _day(row.credit_expires_on),
                row.debit_restriction,
                row.credit_restriction,
                row.origin_id,
            ]
            for row in postings
        ],
    }


def leaf_hash(transfer: Mapping[str, Any]) -> bytes:
    """Hash one transfer with all its postings, as ``content`` describes it."""
    return hashlib.sha256(LEAF + canonical(transfer)).digest()


def head_text(
    spec: TransferSpec,
    effective_on: str,
    request: str,
    uuid: str,
    posted_at: str,
    reverses: int | None,
    refund: int | None,
) -> tuple[str, str, str]:
    """Write what is hashed of a transfer, all but its number and its postings: the text before, between and after."""
    before = f'{{"actor":{quoted(spec.actor)},"effective_on":"{effective_on}","id":'
    between = (
        f',"key":{quoted(spec.key)},"kind":{quoted(spec.kind)},"memo":{quoted(spec.memo)},'
        f'"on_behalf_of":{quoted(spec.on_behalf_of)},"posted_at":"{posted_at}","postings":['
    )
    after = (
        f'],"reason":{quoted(spec.reason)},"refund_of":{_or_null(refund)},"request":"{request}",'
        f'"reverses":{_or_null(reverses)},"rule":{quoted(spec.rule)},"source":{quoted(spec.source)},'
        f'"unit":"{spec.unit}","uuid":"{uuid}"}}'
    )
    return before, between, after


def leaf_hash_of(text: tuple[str, str, str], id: int, postings: Iterable[Any], name: Callable[[int], str]) -> bytes:
    """Hash a transfer that is being written: the same bytes as ``leaf_hash(content(…))``, made in a third of the time.

    ``text`` is its ``head_text``, ``name`` returns account keys already ``quoted``. Sealer and verifier make the bytes
    in a way of their own (``reading``), so a difference would be noticed before anything is sealed.
    """
    rows = ",".join(
        [
            f"[{row.leg},{name(row.debit_id)},{name(row.credit_id)},{row.amount},"
            f"{_or_null(row.debit_version)},{_or_null(row.debit_balance)},"
            f"{_or_null(row.credit_version)},{_or_null(row.credit_balance)},"
            f"{_day_or_null(row.debit_expires_on)},{_day_or_null(row.credit_expires_on)},"
            f"{_text_or_null(row.debit_restriction)},{_text_or_null(row.credit_restriction)},{_or_null(row.origin_id)}]"
            for row in postings
        ]
    )
    before, between, after = text
    return hashlib.sha256(LEAF + f"{before}{id}{between}{rows}{after}".encode()).digest()


def _or_null(value: int | None) -> int | str:
    return "null" if value is None else value


def _day_or_null(day: dt.date | None) -> str:
    return "null" if day is None else f'"{day.isoformat()}"'


def _text_or_null(text: str | None) -> str:
    return "null" if text is None else quoted(text)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node of the tree."""
    return hashlib.sha256(NODE + left + right).digest()


def seal_hash(header: dict[str, Any]) -> str:
    """Hash the header of a seal."""
    return hashlib.sha256(SEAL + canonical(header)).hexdigest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree; an odd last node rises unchanged."""
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def merkle_path(leaves: Sequence[bytes], position: int) -> list[tuple[str, bytes]]:
    """List the siblings from leaf to root, each with the side it stands on (``L`` or ``R``)."""
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(("L" if sibling < position else "R", level[sibling]))
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level, position = paired, position // 2
    return path


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U


def short_digest(number: int, seal: str) -> str:
    """Write a seal for a notice board: its number and 80 bits of its hash, as ``12-ABCD-EFGH-JKMN-PQRS``."""
    bits = int(seal[:20], 16)
    letters = "".join(ALPHABET[(bits >> shift) & 31] for shift in range(75, -1, -5))
    return "-".join([str(number), *(letters[i : i + 4] for i in range(0, 16, 4))])


def parse_digest(text: str) -> tuple[int, str]:
    """Read a short digest: number and the first 20 hex digits. ``ValueError`` when it is not one."""
    number, _, letters = text.strip().upper().replace(" ", "").partition("-")
    letters = letters.replace("-", "").translate(str.maketrans("ILO", "110"))
    if not number.isdecimal() or len(letters) != 16:
        raise ValueError(text)
    bits = 0
    for letter in letters:
        bits = bits << 5 | ALPHABET.index(letter)
    return int(number), f"{bits:020x}"
