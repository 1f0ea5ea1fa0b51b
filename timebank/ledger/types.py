"""What goes into the ledger and what comes out: plain values, integers in the smallest unit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from timebank.common.errors import DomainError

#: A lot that never expires carries this day in the database; at the edge it is ``None``.
NEVER = dt.date(9999, 12, 31)


class Kind:
    """Kinds of account."""

    WALLET = "wallet"  # guarded, running balance, lots
    SYSTEM = "system"  # append-only: no balance row, no floor


class Leg(NamedTuple):
    """Move ``amount`` (smallest unit, > 0) from account ``debit`` to account ``credit``.

    ``expires_on`` and ``restriction`` say which lot a wallet is credited with. Points that come out of a wallet
    keep their own day and restriction, so nothing can be laundered to a later date by passing it on.
    """

    debit: str
    credit: str
    amount: int
    expires_on: dt.date | None = None
    restriction: str = ""


class TransferSpec(NamedTuple):
    """Describe one transfer. ``key`` is natural and permanent: the same key posts once, for ever."""

    key: str
    kind: str
    legs: tuple[Leg, ...]
    unit: str = "PTS"
    effective_on: dt.date | None = None
    reason: str = ""
    memo: str = ""
    actor: str = ""
    on_behalf_of: str = ""
    source: str = ""
    rule: str = ""
    allow_restrictions: tuple[str, ...] = ()


class LotUse(NamedTuple):
    """Name a part of a transfer by the lot it touched (``expires_on`` None: never expires)."""

    expires_on: dt.date | None
    restriction: str
    amount: int


class Posted(NamedTuple):
    """Answer of a posting; ``replayed`` says that the key had been posted before."""

    id: int
    uuid: str
    replayed: bool
    lots: tuple[LotUse, ...]


class Result(NamedTuple):
    """Answer for one row of ``post_many``: either ``posted`` or ``error``."""

    key: str
    posted: Posted | None
    error: DomainError | None


@dataclass(frozen=True, slots=True)
class Balance:
    """State of an account: ``total`` in lots and held; ``spendable`` live, free; ``restricted`` live, earmarked."""

    total: int = 0
    held: int = 0
    spendable: int = 0
    debt: int = 0
    restricted: int = 0


class LotView(NamedTuple):
    """A live lot."""

    expires_on: dt.date | None
    restriction: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: a leg of a transfer seen from one account; ``amount`` is signed."""

    id: int
    posted_at: dt.datetime
    effective_on: dt.date
    kind: str
    amount: int
    balance_after: int | None
    counterparty: str
    memo: str
    reason: str
    actor: str
    on_behalf_of: str
    source: str
    rule: str
    transfer_id: int
    transfer_uuid: str
    lots: tuple[LotUse, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a statement; ``next`` is the ``before`` of the following page."""

    lines: list[Line]
    next: int | None


class PostingView(NamedTuple):
    """A posting as stored, accounts by key."""

    id: int
    leg: int
    debit: str
    credit: str
    amount: int
    expires_on: dt.date | None
    restriction: str
    origin_id: int | None


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer as stored, with what it moved and what was given back of it."""

    id: int
    uuid: str
    key: str
    kind: str
    unit: str
    posted_at: dt.datetime
    effective_on: dt.date
    reason: str
    memo: str
    actor: str
    on_behalf_of: str
    source: str
    rule: str
    reverses_id: int | None
    refund_of_id: int | None
    reversed_by_id: int | None
    refunded: int
    postings: tuple[PostingView, ...]

    @property
    def amount(self) -> int:
        """Sum what was moved, debts aside."""
        return sum(p.amount for p in self.postings if p.leg >= 0)


@dataclass(frozen=True, slots=True)
class ExpiryReport:
    """What an expiry sweep did."""

    on: dt.date
    wallets: int = 0
    amount: int = 0


def edge_day(day: dt.date | None) -> dt.date | None:
    """Turn the stored day of a lot into the one shown outside."""
    return None if day is None or day == NEVER else day
