"""Decide what a batch of transfers does to wallets and lots. Pure: no database, no clock; every rule stands here once.

The stores lock the wallets and read their state, this module decides, the stores write what it decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from timebank.ledger.errors import (
    AccountClosed,
    InsufficientFunds,
    InvalidAmount,
    InvalidTransfer,
    LedgerError,
    UnitMismatch,
    UnknownAccount,
)
from timebank.ledger.types import NEVER, LotUse, edge_day
from timebank.ledger.units import DEBT_SERIAL, GUARDED_SHIFT, UNIT_NAMES, UNIT_SHIFT, account_id, debt_key

MAX_AMOUNT = 1 << 53  # beyond this a JSON reader of the receipt may round
DEBT_LEG = -1

LotKey = tuple[dt.date, str]


class Move(NamedTuple):
    """Move an amount between two accounts (by key) within a transfer.

    ``prefer``: the lot of the debited wallet to eat first, date regardless. ``lot``: the lot to credit.
    ``exact``: eat no other lot than that one. ``lend``: a wallet that has too little is lent the rest (a reversal of
    points already spent).
    ``origin``: the posting that this gives back.
    """

    leg: int
    debit: str
    credit: str
    amount: int
    lot: LotKey = (NEVER, "")
    prefer: LotKey | None = None
    lend: bool = False
    origin: int | None = None
    exact: bool = False


class Order(NamedTuple):
    """A transfer to be written: its head as columns, its moves, and which earmarked lots it may eat."""

    head: dict[str, Any]
    moves: Sequence[Move]
    allow: frozenset[str] = frozenset()


class AccountRow(NamedTuple):
    """An account as read under its lock."""

    id: int
    key: str
    balance: int
    version: int
    debt: int
    open: bool
    expires_to: str
    floor: int


class LotRow(NamedTuple):
    """A lot with something in it, as read under the lock of its wallet."""

    id: int
    account_id: int
    expires_on: dt.date
    restriction: str
    remaining: int


class PostingRow(NamedTuple):
    """A posting to be written."""

    transfer_id: int
    leg: int
    unit: int
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


class Lot:
    """A lot while a batch is being decided."""

    __slots__ = ("account_id", "before", "expires_on", "id", "remaining", "restriction")

    def __init__(self, id: int | None, account_id: int, expires_on: dt.date, restriction: str, remaining: int) -> None:
        self.id = id
        self.account_id = account_id
        self.expires_on = expires_on
        self.restriction = restriction
        self.remaining = remaining
        self.before = remaining


class Wallet:
    """A wallet while a batch is being decided."""

    __slots__ = ("balance", "before", "debt", "floor", "id", "key", "lots", "order", "version")

    def __init__(self, account_row: AccountRow) -> None:
        self.id = account_row.id
        self.key = account_row.key
        self.balance = account_row.balance
        self.version = account_row.version
        self.debt = account_row.debt
        self.floor = account_row.floor
        self.before = account_row
        self.lots: dict[LotKey, Lot] = {}
        self.order: list[LotKey] | None = None

    def lot(self, key: LotKey) -> Lot:
        """Return the lot of this day and restriction, new if need be."""
        result = self.lots.get(key)
        if result is None:
            result = self.lots[key] = Lot(None, self.id, key[0], key[1], 0)
            self.order = None
        return result

    def in_order(self) -> list[LotKey]:
        """Order the lots: soonest expiring first, of one day the earmarked first."""
        if self.order is None:
            self.order = sorted(self.lots, key=_consumption_order)
        return self.order

    def snapshot(self) -> tuple[Any, ...]:
        """Remember everything, in case the transfer turns out to be impossible."""
        return self.balance, self.version, self.debt, {key: lot.remaining for key, lot in self.lots.items()}

    def restore(self, memory: tuple[Any, ...]) -> None:
        """Go back to what ``snapshot`` remembered."""
        self.balance, self.version, self.debt, remaining = memory
        self.order = None
        for key in list(self.lots):
            if key in remaining:
                self.lots[key].remaining = remaining[key]
            else:
                del self.lots[key]

    @property
    def touched(self) -> bool:
        """Say whether the batch changes this wallet."""
        return self.version != self.before.version


def _consumption_order(key: LotKey) -> tuple[dt.date, bool, str]:
    return key[0], key[1] == "", key[1]


class Effects(NamedTuple):
    """What a batch writes: heads, postings, wallets, lots; and per order the answer or the refusal.

    The postings of ``heads[i]`` are ``postings[spans[i] : spans[i + 1]]``.
    """

    heads: list[dict[str, Any]]
    spans: list[int]
    postings: list[PostingRow]
    wallets: list[Wallet]
    lots: list[Lot]
    outcomes: list[tuple[LotUse, ...] | LedgerError]


class Planner:
    """Decide a batch, order by order; what an earlier order did is seen by the later ones."""

    def __init__(self, accounts: Iterable[AccountRow], lots: Iterable[LotRow], today: dt.date) -> None:
        self.today = today
        self.accounts: dict[str, AccountRow] = {}
        self.wallets: dict[str, Wallet] = {}
        by_id: dict[int, Wallet] = {}
        for row in accounts:
            self.accounts[row.key] = row
            if row.id >> GUARDED_SHIFT & 1:
                by_id[row.id] = self.wallets[row.key] = Wallet(row)
        for lot in lots:
            if wallet := by_id.get(lot.account_id):  # a wallet opened since the locks were taken is not ours to look at
                wallet.lots[lot.expires_on, lot.restriction] = Lot(*lot)

    def decide(self, orders: Sequence[Order]) -> Effects:
        """Return everything to be written; a refused order leaves no trace among it."""
        heads: list[dict[str, Any]] = []
        spans = [0]
        postings: list[PostingRow] = []
        outcomes: list[tuple[LotUse, ...] | LedgerError] = []
        for order in orders:
            memory = self._remember(order)
            start = len(postings)
            try:
                self._check(order)
                for move in order.moves:
                    self._move(order, move, postings)
            except LedgerError as refusal:
                del postings[start:]
                for wallet, state in memory:
                    wallet.restore(state)
                outcomes.append(refusal)
            else:
                heads.append(order.head)
                spans.append(len(postings))
                outcomes.append(uses(postings[start:]))
        wallets = sorted((w for w in self.wallets.values() if w.touched), key=lambda wallet: wallet.id)
        changed = [lot for wallet in wallets for lot in wallet.lots.values() if lot.remaining != lot.before]
        return Effects(heads, spans, postings, wallets, changed, outcomes)

    def _remember(self, order: Order) -> list[tuple[Wallet, tuple[Any, ...]]]:
        if len(order.moves) == 1 and order.moves[0].debit not in self.wallets:
            return []  # a single credit is checked before it changes anything
        keys = {key for move in order.moves for key in (move.debit, move.credit)}
        return [(wallet, wallet.snapshot()) for key in keys if (wallet := self.wallets.get(key))]

    def _check(self, order: Order) -> None:
        unit = order.head["unit"]
        for move in order.moves:
            if not 0 < move.amount <= MAX_AMOUNT:
                raise InvalidAmount
            for key in (move.debit, move.credit):
                account = self.accounts.get(key)
                if account is None:
                    raise UnknownAccount(account=key)
                if account.id >> UNIT_SHIFT != unit:
                    raise UnitMismatch(account=key)
                if not account.open:
                    raise AccountClosed(account=key)
            if move.debit == move.credit:
                raise InvalidTransfer(account=move.debit)

    def _move(self, order: Order, move: Move, postings: list[PostingRow]) -> None:
        source = self.wallets.get(move.debit)
        target = self.wallets.get(move.credit)
        if source is None:
            self._write(order, move.leg, move, None, target, move.lot, move.amount, postings)
            if target is not None:
                self._repay(order, target, move.lot, move.amount, postings)
            return
        for lot, taken in self._consume(order, source, move, postings):
            key = (lot.expires_on, lot.restriction)
            kept = key if move.origin is None else (move.lot if target is not None else key)
            self._write(order, move.leg, move, (source, lot), target, kept, taken, postings)
            if target is not None:
                self._repay(order, target, kept, taken, postings)

    def _consume(self, order: Order, source: Wallet, move: Move, postings: list[PostingRow]) -> list[tuple[Lot, int]]:
        """Choose the lots to eat, first-expiring first; lend what is missing if the move allows it, else refuse."""
        taken: list[tuple[Lot, int]] = []
        missing = move.amount
        keys: list[LotKey] = [*source.in_order()]
        if move.prefer is not None and move.prefer in source.lots:
            keys.remove(move.prefer)
            keys.insert(0, move.prefer)
        for key in keys:
            lot = source.lots[key]
            if not lot.remaining:
                continue
            if key != move.prefer and (move.exact or key[0] < self.today or (key[1] and key[1] not in order.allow)):
                continue
            part = min(lot.remaining, missing)
            taken.append((lot, part))
            missing -= part
            if not missing:
                break
        if missing and not move.lend:
            raise InsufficientFunds(account=move.debit, missing=missing)
        if missing:
            key = move.prefer or (NEVER, "")
            source.debt += missing
            lent = Move(DEBT_LEG, debt_key(UNIT_NAMES[order.head["unit"]]), source.key, missing)
            self._write(order, DEBT_LEG, lent, None, source, key, missing, postings)
            lot = source.lots[key]
            if taken and taken[0][0] is lot:
                taken[0] = (lot, taken[0][1] + missing)
            else:
                taken.append((lot, missing))
        if source.balance - move.amount < source.floor:
            raise InsufficientFunds(account=move.debit)
        return taken

    def _repay(self, order: Order, wallet: Wallet, key: LotKey, amount: int, postings: list[PostingRow]) -> None:
        """Let a wallet in debt pay back out of what it was just credited with; earmarked points repay nothing."""
        back = 0 if key[1] or key[0] < self.today else min(wallet.debt, amount)
        if back:
            wallet.debt -= back
            move = Move(DEBT_LEG, wallet.key, debt_key(UNIT_NAMES[order.head["unit"]]), back)
            self._write(order, DEBT_LEG, move, (wallet, wallet.lots[key]), None, key, back, postings)

    def _id(self, key: str, unit: int) -> int:
        result = self.accounts.get(key)
        # the lender is not read from the database: its id is the same in every ledger
        return result.id if result is not None else account_id(UNIT_NAMES[unit], False, DEBT_SERIAL)

    def _write(
        self,
        order: Order,
        leg: int,
        move: Move,
        debit: tuple[Wallet, Lot] | None,
        credit: Wallet | None,
        key: LotKey,
        amount: int,
        postings: list[PostingRow],
    ) -> None:
        debit_version = debit_balance = debit_day = None
        credit_version = credit_balance = credit_day = None
        if debit is not None:
            wallet, lot = debit
            lot.remaining -= amount
            wallet.balance = debit_balance = wallet.balance - amount
            wallet.version = debit_version = wallet.version + 1
            debit_day = lot.expires_on
        if credit is not None:
            credit.lot(key).remaining += amount
            credit.balance = credit_balance = credit.balance + amount
            credit.version = credit_version = credit.version + 1
            credit_day = key[0]
        postings.append(
            PostingRow(
                order.head["id"],
                leg,
                order.head["unit"],
                self._id(move.debit, order.head["unit"]),
                self._id(move.credit, order.head["unit"]),
                amount,
                debit_version,
                debit_balance,
                credit_version,
                credit_balance,
                debit_day,
                credit_day,
                None if debit is None else debit[1].restriction,
                None if credit is None else key[1],
                move.origin,
            )
        )


def uses(postings: Iterable[Any]) -> tuple[LotUse, ...]:
    """Sum up which lots a transfer touched: of the wallet that paid, else of the one that received."""
    result: dict[tuple[dt.date | None, str], int] = {}
    for row in postings:
        if row.leg < 0:
            continue
        if row.debit_expires_on is not None:
            key = (edge_day(row.debit_expires_on), row.debit_restriction)
        elif row.credit_expires_on is not None:
            key = (edge_day(row.credit_expires_on), row.credit_restriction)
        else:
            continue
        result[key] = result.get(key, 0) + row.amount
    return tuple(LotUse(day, restriction, amount) for (day, restriction), amount in result.items())
