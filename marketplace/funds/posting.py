"""How money is posted: in CNY only, never with a last day, never into a closed period; purposes before free money.

Below ``book``, which names every posting, and used by nothing else. Locks are taken in one order: bank account, fund
(both rows), then the ledger's wallets by id.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from marketplace.funds import errors
from marketplace.funds.models import BankAccount, Fund, PeriodClose, Purpose
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Kind, Leg, LotUse, Posted, TransferSpec, TransferView

UNIT = "CNY"
STRIPE = "asset:stripe"
PRACTICE = "asset:practice"
UNDERWAY = "asset:payout"  # sent by the payment service, not yet on the bank's statement
TRANSIT = "transit"
PURPOSE_PREFIX = "purpose:"
_FUND_OF = re.compile(r"^(?:fund|shortfall|asset:cash):(\d+)$|^payable:[a-z]+:\d+:(\d+)$")
TRIES = 3


class Share(NamedTuple):
    """A part of what was taken: out of which fund, bound to which purpose (none: free money), fen."""

    fund_id: int
    purpose_id: int | None
    fen: int


class Taken(NamedTuple):
    """What ``take`` answers: the posting, where the money came from, and how much the fund still owes of it."""

    posted: Posted
    shares: tuple[Share, ...]
    short: int


# -- Names of accounts -------------------------------------------------------------------------------------------------
def payable_key(*, fund: Fund, partner_id: int | None = None, payee_id: int | None = None) -> str:
    """Name the account of what ``fund`` owes a supplier, or a payee who is none."""
    return f"payable:partner:{partner_id}:{fund.pk}" if partner_id else f"payable:payee:{payee_id}:{fund.pk}"


def suspense_key(asset: str) -> str:
    """Name the account of unexplained money that lies in ``asset``."""
    return f"suspense:{asset.removeprefix('asset:')}"


def goods_keys(partner_id: int) -> tuple[str, str]:
    """Name the asset of the goods on a supplier's shelf, and its mirror."""
    return f"asset:stock:{partner_id}", f"stock:{partner_id}"


def restriction_of(purpose: Purpose | None) -> str:
    """Return the restriction of a purpose's lots; "" for free money."""
    return purpose.restriction or "" if purpose is not None else ""


# -- Opening accounts --------------------------------------------------------------------------------------------------
def _open(keys: Iterable[tuple[str, str]], owner: str) -> None:
    wanted = [ledger.NewAccount(key, kind, UNIT, owner) for key, kind in keys]
    if wanted:
        ledger.open_accounts(accounts=wanted)


def open_fund_accounts(*, fund: Fund) -> None:
    """Open what a fund needs before the first fen. Idempotent."""
    assets = (fund.bank_account.asset_key, STRIPE, PRACTICE, UNDERWAY, fund.cash_key)
    keys = [(fund.wallet_key, Kind.WALLET), (fund.shortfall_key, Kind.SYSTEM), (TRANSIT, Kind.SYSTEM)]
    keys += [(key, Kind.SYSTEM) for asset in assets for key in (asset, suspense_key(asset))]
    _open(keys, f"fund:{fund.pk}")


def open_bank_account(*, account: BankAccount) -> None:
    """Open the two ledger accounts of a bank account. Idempotent."""
    _open([(account.asset_key, Kind.SYSTEM), (account.suspense_key, Kind.SYSTEM)], f"bank:{account.pk}")


def open_payables(*, funds: Iterable[Fund], partners: Iterable[int] = (), payees: Iterable[int] = ()) -> None:
    """Open the accounts of what ``funds`` owe these suppliers and payees. Idempotent, one statement if they stand."""
    funds = list(funds)
    keys = [payable_key(fund=fund, partner_id=partner) for fund in funds for partner in partners]
    keys += [payable_key(fund=fund, payee_id=payee) for fund in funds for payee in payees]
    _open([(key, Kind.SYSTEM) for key in keys], "payable")


def open_goods_accounts(*, partner_id: int) -> None:
    """Open the asset of a supplier's goods and its mirror. Idempotent."""
    _open([(key, Kind.SYSTEM) for key in goods_keys(partner_id)], f"partner:{partner_id}")


# -- Posting -----------------------------------------------------------------------------------------------------------
def post_money(
    *,
    key: str,
    kind: str,
    legs: Sequence[Leg],
    actor: str,
    source: str,
    reason: str = "",
    memo: str = "",
    effective_on: dt.date | None = None,
    allow: Sequence[str] = (),
) -> Posted:
    """Post in CNY. Lots of money never expire; a closed period takes nothing any more; 0 is left out.

    Raises ``FundShort`` (with ``missing``, ``account``), ``PeriodLocked``; the ledger's other refusals as they are.
    """
    legs = tuple(leg for leg in legs if leg.amount)
    if any(leg.expires_on is not None for leg in legs):
        raise ledger_errors.InvalidTransfer(field="expires_on")  # the sweep of points would take it
    check_period(legs, effective_on)
    spec = TransferSpec(
        key=key,
        kind=kind,
        legs=legs,
        unit=UNIT,
        effective_on=effective_on,
        reason=reason[:64],
        memo=memo[:500],
        actor=actor,
        source=source,
        allow_restrictions=tuple(allow),
    )
    try:
        return ledger.post(spec)
    except ledger_errors.InsufficientFunds as refusal:
        raise errors.FundShort(
            missing=refusal.params.get("missing"), account=refusal.params.get("account", "")
        ) from refusal


def funds_in(legs: Iterable[Leg]) -> set[int]:
    """Read which funds' accounts these legs touch."""
    result = (_FUND_OF.match(key) for leg in legs for key in (leg.debit, leg.credit))
    return {int(match[1] or match[2]) for match in result if match}


def check_period(legs: Iterable[Leg], effective_on: dt.date | None) -> None:
    """Refuse a day in a closed period. Today is never in one: a period is closed only after its last day."""
    if effective_on is None or effective_on >= timezone.localdate():
        return
    closed = PeriodClose.objects.filter(
        fund_id__in=funds_in(legs), first_day__lte=effective_on, last_day__gte=effective_on
    )
    if closed.exists():
        raise errors.PeriodLocked(day=effective_on)


def lock_fund(fund: Fund) -> Fund:
    """Lock the row of a fund: inflows and levelling go one at a time. Before any of its wallets is locked."""
    return Fund.objects.select_for_update(of=("self",), no_key=True).select_related("bank_account").get(pk=fund.pk)


def lock_bank(account: BankAccount) -> BankAccount:
    """Lock a bank account: what leaves it is checked one at a time. Before any fund."""
    return BankAccount.objects.select_for_update(no_key=True).get(pk=account.pk)


def check_cash(asset: str, fen: int, *, reserved: int = 0) -> None:
    """Refuse to pay out more than lies in a cash asset. Raises ``BankShort``."""
    locked = -ledger_read.balance_of(asset).total - reserved
    if locked < fen:
        raise errors.BankShort(missing=fen - locked, there=locked)


@transaction.atomic
def level(*, fund: Fund, key: str, actor: str, source: str) -> Posted | None:
    """Let free money pay what the fund owes; what was paid back to it beyond that becomes free money again.

    The fund's row is locked by the caller or here. ``key`` is that of the inflow that made it possible.
    """
    fund = lock_fund(fund)
    owed = ledger_read.balance_of(fund.shortfall_key).total
    if owed > 0:
        legs = [Leg(fund.shortfall_key, fund.wallet_key, owed)]
    else:
        free = ledger_read.balance_of(fund.wallet_key).spendable
        legs = [Leg(fund.wallet_key, fund.shortfall_key, min(free, -owed))]
    if not legs[0].amount:
        return None
    return post_money(key=f"level:{key}", kind="level", legs=legs, actor=actor, source=source)


def take(
    *,
    fund: Fund,
    fen: int,
    to: str | Callable[[Fund], str],
    key: str,
    kind: str,
    actor: str,
    source: str,
    purposes: Sequence[Purpose] = (),
    more: Sequence[Leg] = (),
    memo: str = "",
    reason: str = "",
    effective_on: dt.date | None = None,
) -> Taken:
    """Take ``fen`` out of matching purposes, then out of free money; what is missing the fund owes. Never refuses.

    ``purposes`` of other funds (above) are used before free money and pay by their own fund's account. The same key
    again answers what was taken the first time, although the money may lie otherwise now.
    """
    credit = to if callable(to) else (lambda _fund, key=to: key)
    allow = tuple(dict.fromkeys(restriction_of(purpose) for purpose in purposes if purpose.restriction))
    above = {purpose.fund_id: purpose.fund for purpose in purposes if purpose.fund_id != fund.pk}
    short = 0
    for attempt in range(TRIES + 1):
        shares = _plan_above(fund, above, allow, fen) if above else {}
        own = fen - sum(shares.values())
        if attempt == TRIES:
            short = own
        short = min(short, own)
        legs = [Leg(above[share].wallet_key, credit(above[share]), amount) for share, amount in shares.items()]
        legs.append(Leg(fund.wallet_key, credit(fund), own - short))
        legs.append(Leg(fund.shortfall_key, credit(fund), short))
        try:
            # a refusal of one wallet is decided before anything is written: no savepoint is needed for it
            with transaction.atomic() if shares else contextlib.nullcontext():
                posted = post_money(
                    key=key,
                    kind=kind,
                    legs=[*legs, *more],
                    actor=actor,
                    source=source,
                    reason=reason,
                    memo=memo,
                    effective_on=effective_on,
                    allow=allow,
                )
                if shares and _free_of(posted.lots) > own - short:
                    raise errors.FundShort  # a purpose above was used up meanwhile: its fund's free money is not ours
        except errors.FundShort as refusal:
            if refusal.params.get("account") == fund.wallet_key:
                short += refusal.params["missing"] or own
            continue
        except ledger_errors.KeyConflict:
            return _taken_before(key, kind, fund, fen, more)
        return Taken(posted, _shares(posted, fund, purposes, bool(shares)), short)
    raise AssertionError("unreachable: what the fund owes has no limit")


def _plan_above(fund: Fund, above: dict[int, Fund], allow: Sequence[str], fen: int) -> dict[int, int]:
    """Say how much the funds above give: after the fund's own purposes, out of purposes only."""
    own = sum(lot.remaining for lot in ledger_read.lots_of(fund.wallet_key) if lot.restriction in allow)
    missing = max(fen - own, 0)
    plan = {}
    for item in above.values():
        locked = sum(lot.remaining for lot in ledger_read.lots_of(item.wallet_key) if lot.restriction in allow)
        if part := min(locked, missing):
            plan[item.pk] = part
            missing -= part
    return plan


def _free_of(lots: Iterable[LotUse]) -> int:
    return sum(lot.amount for lot in lots if not lot.restriction)


def _shares(posted: Posted, fund: Fund, purposes: Sequence[Purpose], several: bool) -> tuple[Share, ...]:
    ids = {restriction_of(purpose): purpose.pk for purpose in purposes}
    if not several:
        return tuple(Share(fund.pk, ids.get(lot.restriction), lot.amount) for lot in posted.lots)
    view = ledger_read.transfer_by_id(posted.id)
    return _shares_of(view) if view is not None else ()


def _shares_of(view: TransferView) -> tuple[Share, ...]:
    """Read from a stored transfer which funds and purposes paid."""
    result: dict[tuple[int, int | None], int] = {}
    for row in view.postings:
        if row.debit.startswith("fund:"):
            purpose = int(row.restriction.rpartition(":")[2]) if row.restriction else None
            place = (int(row.debit.partition(":")[2]), purpose)
            result[place] = result.get(place, 0) + row.amount
    return tuple(Share(*place, amount) for place, amount in result.items())


def _taken_before(key: str, kind: str, fund: Fund, fen: int, more: Sequence[Leg]) -> Taken:
    """Answer a key that was used before: what it took then. Raises ``KeyConflict`` unless it asked for the same."""
    view = ledger_read.transfer_by_key(key)
    if view is None or view.kind != kind or view.amount != fen + sum(leg.amount for leg in more):
        raise ledger_errors.KeyConflict(key=key)
    short = sum(row.amount for row in view.postings if row.debit == fund.shortfall_key)
    lots = tuple(LotUse(row.expires_on, row.restriction, row.amount) for row in view.postings)
    return Taken(Posted(view.id, view.uuid, True, lots), _shares_of(view), short)


@transaction.atomic
def move_only(
    *,
    fund: Fund,
    purpose: Purpose | None,
    fen: int,
    to: str,
    key: str,
    kind: str,
    actor: str,
    source: str,
    memo: str = "",
    reason: str = "",
    more: Sequence[Leg] = (),
) -> Posted:
    """Move money of this purpose and of no other (none: free money only). Raises ``AlreadySpent`` with ``most``.

    Free lots are always edible to the ledger, so what it used is compared with what was meant, and undone.
    """
    wanted = restriction_of(purpose)
    try:
        posted = post_money(
            key=key,
            kind=kind,
            legs=[Leg(fund.wallet_key, to, fen), *more],
            actor=actor,
            source=source,
            memo=memo,
            reason=reason,
            allow=(wanted,) if wanted else (),
        )
    except errors.FundShort:
        raise errors.AlreadySpent(most=left_of(fund, purpose)) from None
    other = sum(lot.amount for lot in posted.lots if lot.restriction != wanted)
    # What comes back into a wallet out of an account between is named among the lots too.
    other -= sum(leg.amount for leg in more if leg.credit == fund.wallet_key and leg.restriction != wanted)
    if other:
        raise errors.AlreadySpent(most=fen - other)  # the transaction is broken off by this: nothing stands
    return posted


def left_of(fund: Fund, purpose: Purpose | None) -> int:
    """Return what is left of a purpose in the fund's own wallet (none: free money), fen."""
    wanted = restriction_of(purpose)
    return sum(lot.remaining for lot in ledger_read.lots_of(fund.wallet_key) if lot.restriction == wanted)
