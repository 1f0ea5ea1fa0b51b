"""Calls of the functions of the database: what is sent and what is answered, one message there, one back.

Values travel as PostgreSQL's binary arrays, which cost neither side any quoting.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import psycopg

from timebank.ledger.canon import head_text, instant, key_bytes, quoted
from timebank.ledger.fast.functions import LOST_LOCK
from timebank.ledger.store.plain import Statement
from timebank.ledger.types import NEVER, LotUse, Posted, TransferSpec, edge_day
from timebank.ledger.units import UNIT_CODES


def _call(name: str, types: str, result_format: int) -> Statement:
    kinds = types.split()
    marks = ", ".join(f"${place}::{kind}" for place, kind in enumerate(kinds, 1))
    formats = tuple(int(kind.endswith("[]") or kind in {"uuid", "bytea"}) for kind in kinds)
    return Statement(f"{name}_call".encode(), f"SELECT {name}({marks})".encode(), formats, result_format)


_PAYMENT = "smallint uuid text bytea text timestamptz date text text text text text text date text[] text text text"
PAY = _call("ledger_pay", f"text text bigint text {_PAYMENT}", result_format=0)
PAY_LEGS = _call("ledger_pay_legs", f"text text[] bigint[] {_PAYMENT}", result_format=0)
EARN = _call(
    "ledger_earn",
    "smallint text timestamptz text[] text[] bigint[] bigint[] bigint[] date[] text[] bigint[] "
    "bigint[] bigint[] bigint[] bigint[] bigint[] date[] text[] uuid[] text[] bytea[] date[] text[] text[] "
    "text[] text[] text[] text[] text[] text[] text[]",
    result_format=1,
)

_TEXT, _BIGINT, _DATE, _UUID, _BYTES = 25, 20, 1082, 2950, 17
_LENGTH = [struct.pack(">i", length) for length in range(1024)]
_HEAD_TEXTS = ("reason", "memo", "actor", "on_behalf_of", "source", "rule")
_EPOCH = dt.date(2000, 1, 1).toordinal()


def _array(oid: int, items: Sequence[bytes]) -> bytes:
    head = struct.pack(">iiIii", 1, 0, oid, len(items), 1)
    if items.count(items[0]) == len(items):  # kind, reason, day and the like are the same in a whole batch
        return head + _sized(items[0]) * len(items)
    return head + b"".join(chain.from_iterable(zip(map(_length, items), items, strict=True)))


def _length(item: bytes) -> bytes:
    size = len(item)
    return _LENGTH[size] if size < 1024 else struct.pack(">i", size)


def _sized(item: bytes) -> bytes:
    return _length(item) + item


def _texts(values: Iterable[str]) -> bytes:
    return _array(_TEXT, [value.encode() for value in values])


def _numbers(values: Sequence[int]) -> bytes:
    return _array(_BIGINT, [value.to_bytes(8, "big") for value in values])


def _days(values: Iterable[dt.date]) -> bytes:
    known: dict[dt.date, bytes] = {}
    return _array(
        _DATE,
        [
            known.get(day) or known.setdefault(day, (day.toordinal() - _EPOCH).to_bytes(4, "big", signed=True))
            for day in values
        ],
    )


_NO_TEXTS = struct.pack(">iiI", 0, 0, _TEXT)


def _uuid(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def lost_lock(error: Exception) -> bool:
    """Tell whether a function found a wallet changed since it locked it."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.sqlstate == LOST_LOCK


# -- One wallet pays ---------------------------------------------------------------------------------------------------
def payment(spec: TransferSpec, asked: bytes, now: dt.datetime, today: dt.date) -> tuple[str, Statement, list[bytes]]:
    """Return the uuid, the call and its values. ``spec`` has one payer in all legs."""
    raw = key_bytes(spec.key)
    uuid, timestamp = _uuid(raw), instant(now)
    effective = (spec.effective_on or today).isoformat()
    allow, legs = spec.allow_restrictions, spec.legs
    before, between, after = head_text(spec, effective, asked.hex(), uuid, timestamp, None, None)
    values = [
        b"%d" % UNIT_CODES[spec.unit],
        raw,
        spec.key.encode(),
        asked,
        spec.kind.encode(),
        timestamp.encode(),
        effective.encode(),
        spec.reason.encode(),
        spec.memo.encode(),
        spec.actor.encode(),
        spec.on_behalf_of.encode(),
        spec.source.encode(),
        spec.rule.encode(),
        today.isoformat().encode(),
        _texts(allow) if allow else _NO_TEXTS,
        before.encode(),
        between.encode(),
        after.encode(),
    ]
    payer = legs[0].debit
    if len(legs) > 1:
        payees, amounts = _texts([leg.credit for leg in legs]), _numbers([leg.amount for leg in legs])
        return uuid, PAY_LEGS, [payer.encode(), payees, amounts, *values]
    payee, amount = legs[0].credit, legs[0].amount
    row = f"[0,{quoted(payer)},{quoted(payee)},{amount},"
    return uuid, PAY, [payer.encode(), payee.encode(), b"%d" % amount, row.encode(), *values]


def paid(uuid: str, amount: int, number: str, what: str) -> Posted:
    """Read the answer of a payment of ``amount``: its number, and its one lot or all its postings as hashed."""
    if not what.startswith("["):
        lots: tuple[LotUse, ...] = (LotUse(edge_day(dt.date.fromisoformat(what[:10])), what[10:], amount),)
    else:
        result: dict[tuple[str, str], int] = {}
        for row in json.loads(what):
            key = (row[8], row[10])
            result[key] = result.get(key, 0) + row[3]
        lots = tuple(
            LotUse(edge_day(dt.date.fromisoformat(day)), restriction, part)
            for (day, restriction), part in result.items()
        )
    return Posted(int(number), uuid, False, lots)


# -- Many wallets earn -------------------------------------------------------------------------------------------------
class Earning(NamedTuple):
    """A batch of plain credits, encoded."""

    uuids: list[str]
    lots: Sequence[tuple[LotUse, ...]]
    issuers: list[str]
    wallets: list[str]
    params: list[bytes]


def earning(specs: Sequence[TransferSpec], asked: Sequence[bytes], now: dt.datetime, today: dt.date) -> Earning | None:
    """Encode credits for ``ledger_earn``; None when they are not all of one kind, each with one leg and its own key."""
    first = specs[0]
    unit, kind = first.unit, first.kind
    if any(len(spec.legs) != 1 or spec.unit != unit or spec.kind != kind for spec in specs):
        return None
    raws = [key_bytes(spec.key) for spec in specs]
    if len(set(raws)) != len(raws):
        return None
    timestamp, uuids = instant(now), [_uuid(raw) for raw in raws]

    issuers: dict[str, int] = {}
    wallets: dict[str, int] = {}
    totals: list[int] = []
    counts: list[int] = []
    lots: dict[tuple[int, dt.date, str], int] = {}
    debits: list[int] = []
    places: list[int] = []
    nth: list[int] = []
    upto: list[int] = []
    amounts: list[int] = []
    days: list[dt.date] = []
    earmarks: list[str] = []
    effective: list[dt.date] = []
    befores: list[str] = []
    betweens: list[str] = []
    afters: list[str] = []
    for spec, request, uuid in zip(specs, asked, uuids, strict=True):
        (leg,) = spec.legs
        day, amount, earmark = leg.expires_on or NEVER, leg.amount, leg.restriction
        place = wallets.setdefault(leg.credit, len(wallets) + 1)
        if place > len(totals):
            totals.append(amount)
            counts.append(1)
        else:
            totals[place - 1] += amount
            counts[place - 1] += 1
        lots[place, day, earmark] = lots.get((place, day, earmark), 0) + amount
        debits.append(issuers.setdefault(leg.debit, len(issuers) + 1))
        places.append(place)
        nth.append(counts[place - 1])
        upto.append(totals[place - 1])
        amounts.append(amount)
        days.append(day)
        earmarks.append(earmark)
        on = spec.effective_on or today
        effective.append(on)
        before, between, after = head_text(spec, on.isoformat(), request.hex(), uuid, timestamp, None, None)
        befores.append(before)
        betweens.append(f"{between}[0,{quoted(leg.debit)},{quoted(leg.credit)},{amount},null,null,")
        afters.append(f',null,"{day.isoformat()}",null,{quoted(earmark)},null]{after}')
    lot_places, lot_days, lot_earmarks = zip(*lots, strict=True)
    params = [
        b"%d" % UNIT_CODES[unit],
        kind.encode(),
        timestamp.encode(),
        _texts(issuers),
        _texts(wallets),
        _numbers(totals),
        _numbers(counts),
        _numbers(lot_places),
        _days(lot_days),
        _texts(lot_earmarks),
        _numbers([*lots.values()]),
        _numbers(debits),
        _numbers(places),
        _numbers(nth),
        _numbers(upto),
        _numbers(amounts),
        _days(days),
        _texts(earmarks),
        _array(_UUID, raws),
        _texts([spec.key for spec in specs]),
        _array(_BYTES, asked),
        _days(effective),
        *(_texts([getattr(spec, name) for spec in specs]) for name in _HEAD_TEXTS),
        *map(_texts, (befores, betweens, afters)),
    ]
    used = [(LotUse(*what),) for what in zip(map(edge_day, days), earmarks, amounts, strict=True)]
    return Earning(uuids, used, [*issuers], [*wallets], params)


def earned(batch: Earning, ids: bytes) -> list[Posted]:
    """Read the answer of ``ledger_earn``: a binary array of transfer ids."""
    numbers = struct.unpack_from(">" + "iq" * len(batch.uuids), ids, 20)[1::2]
    return [
        Posted(number, uuid, False, lots) for number, uuid, lots in zip(numbers, batch.uuids, batch.lots, strict=True)
    ]
