"""The one door to money in the ledger: every posting in CNY is made here, by name, as the table in the docs has it.

``Leg(debit, credit)``: the debit side pays. An asset is debited when money comes in, so its balance is minus the money.
Locks are taken in one order: bank account, fund (both rows), then the ledger's wallets by id.
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


# -- Money comes in ----------------------------------------------------------------------------------------------------
@transaction.atomic
def receive(
    *,
    fund: Fund,
    asset: str,
    fen: int,
    key: str,
    actor: str,
    source: str,
    purpose: Purpose | None = None,
    fee_fen: int = 0,
    kind: str = "donation",
    memo: str = "",
    effective_on: dt.date | None = None,
) -> Posted:
    """Book money that came into ``asset``: gross to the purpose (or free), its fee out of the same; then level.

    One transfer for one balance transaction, so that minus the asset is what the provider says lies there.
    """
    check_purpose_open(purpose)
    fund = lock_fund(fund)
    wanted = restriction_of(purpose)
    legs = [Leg(asset, fund.wallet_key, fen, restriction=wanted), Leg(fund.wallet_key, asset, fee_fen)]
    posted = post_money(
        key=key,
        kind=kind,
        legs=legs,
        actor=actor,
        source=source,
        memo=memo,
        effective_on=effective_on,
        allow=(wanted,) if wanted else (),
    )
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source=source)
        if purpose is not None:
            Purpose.objects.filter(pk=purpose.pk, state=Purpose.State.SPENT).update(state=Purpose.State.OPEN)
    return posted


def check_purpose_open(purpose: Purpose | None) -> None:
    """Refuse new money for a purpose that is closed."""
    if purpose is not None and purpose.state == Purpose.State.CLOSED:
        raise errors.PurposeClosed(purpose=str(purpose))


def receive_stray(
    *, asset: str, fen: int, key: str, actor: str, source: str, fee_fen: int = 0, memo: str = ""
) -> Posted:
    """Book money that nobody can place yet: unknown, another amount or currency, a pledge closed or paid already."""
    suspense = suspense_key(asset)
    legs = [Leg(asset, suspense, fen), Leg(suspense, asset, fee_fen)]
    return post_money(key=key, kind="stray", legs=legs, actor=actor, source=source, memo=memo)


@transaction.atomic
def explain_stray(
    *,
    asset: str,
    fen: int,
    key: str,
    actor: str,
    source: str,
    fund: Fund | None = None,
    purpose: Purpose | None = None,
    memo: str = "",
    at_provider: bool = False,
) -> Posted:
    """Move unexplained money to the fund it belongs to; without a fund it goes back to the payer.

    ``at_provider``: the payment service has done it already, so nothing is left to refuse.
    """
    suspense = suspense_key(asset)
    if fund is None:
        if not at_provider:
            check_cash(asset, fen)
        legs = [Leg(suspense, asset, fen)]
        return post_money(key=key, kind="stray_back", legs=legs, actor=actor, source=source, memo=memo)
    check_purpose_open(purpose)
    fund = lock_fund(fund)
    legs = [Leg(suspense, fund.wallet_key, fen, restriction=restriction_of(purpose))]
    posted = post_money(key=key, kind="stray_explained", legs=legs, actor=actor, source=source, memo=memo)
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source=source)
    return posted


def move_asset(
    *, source_asset: str, target_asset: str, fen: int, key: str, kind: str, actor: str, source: str
) -> Posted:
    """Book money that moved between two places of ours: a provider's payout to the bank, cash brought to the bank."""
    legs = [Leg(target_asset, source_asset, fen)]
    return post_money(key=key, kind=kind, legs=legs, actor=actor, source=source)


@transaction.atomic
def correct_receipt(
    *, fund: Fund, asset: str, fen: int, key: str, actor: str, source: str, purpose: Purpose | None = None
) -> Taken:
    """Take back what was typed too high (never by ``reverse``: that would lend): own purpose, then free, then owed."""
    lock_fund(fund)
    return take(
        fund=fund,
        fen=fen,
        to=asset,
        key=key,
        kind="correction",
        actor=actor,
        source=source,
        purposes=[purpose] if purpose else [],
    )


# -- Money goes back to donors -----------------------------------------------------------------------------------------
@transaction.atomic
def refund_donor(
    *,
    fund: Fund,
    asset: str,
    fen: int,
    key: str,
    actor: str,
    source: str,
    purpose: Purpose | None = None,
    only_unspent: bool = False,
    fee_fen: int = 0,
    memo: str = "",
) -> Taken:
    """Book money given back to a donor. Ours: ``only_unspent``, else ``AlreadySpent``; the provider's own: as it is."""
    fund = lock_fund(fund)
    if only_unspent:
        posted = move_only(
            fund=fund, purpose=purpose, fen=fen, to=asset, key=key, kind="donor_refund", actor=actor, source=source
        )
        return Taken(posted, (Share(fund.pk, purpose.pk if purpose else None, fen),), 0)
    taken = take(
        fund=fund,
        fen=fen,
        to=asset,
        key=key,
        kind="donor_refund",
        actor=actor,
        source=source,
        purposes=[purpose] if purpose else [],
        memo=memo,
    )
    if fee_fen:
        take(fund=fund, fen=fee_fen, to=asset, key=f"{key}:fee", kind="fee", actor=actor, source=source)
    return taken


@transaction.atomic
def undo_refund(*, fund: Fund, transfer_id: int, key: str, actor: str) -> Posted:
    """Book a refund that failed: the money is back where it was taken."""
    fund = lock_fund(fund)
    posted = ledger.reverse(transfer_id, key=key, reason="refund_failed", actor=actor)
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source="refund")
    return posted


@transaction.atomic
def open_dispute(
    *,
    fund: Fund,
    asset: str,
    fen: int,
    key: str,
    actor: str,
    source: str,
    purpose: Purpose | None = None,
    fee_fen: int = 0,
) -> tuple[Taken, Taken | None]:
    """Book money that the provider took for a dispute: own purpose, free, then owed; its fee never from a purpose."""
    fund = lock_fund(fund)
    taken = take(
        fund=fund,
        fen=fen,
        to=asset,
        key=key,
        kind="dispute",
        actor=actor,
        source=source,
        purposes=[purpose] if purpose else [],
    )
    fee = None
    if fee_fen:
        fee = take(fund=fund, fen=fee_fen, to=asset, key=f"{key}:fee", kind="dispute_fee", actor=actor, source=source)
    return taken, fee


@transaction.atomic
def win_dispute(
    *, fund: Fund, asset: str, fen: int, key: str, opened: str, actor: str, source: str, fee_fen: int = 0
) -> Posted:
    """Book the money of a dispute that was won: to what it made the fund owe, the rest to the lots it used.

    ``opened`` is the key under which the dispute was booked; ``fee_fen`` of the fee that came back is free money.
    """
    fund = lock_fund(fund)
    view = ledger_read.transfer_by_key(opened)
    if view is None:
        raise ledger_errors.UnknownTransfer(key=opened)
    legs, rest = [], fen
    for row in sorted(view.postings, key=lambda item: item.debit != fund.shortfall_key):
        part = min(row.amount, rest)
        restriction = row.restriction if row.debit == fund.wallet_key else ""
        legs.append(Leg(asset, row.debit, part, restriction=restriction))
        rest -= part
    legs.append(Leg(asset, fund.wallet_key, rest + fee_fen))
    posted = post_money(key=key, kind="dispute_won", legs=legs, actor=actor, source=source)
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source=source)
    return posted


# -- Money within and between funds ------------------------------------------------------------------------------------
@transaction.atomic
def allocate(
    *, source_fund: Fund, target: Fund, fen: int, number: int, actor: str, purpose: Purpose | None = None
) -> Posted:
    """Give money to another fund; a lot keeps its purpose. Different banks: the money itself must follow."""
    key = f"allocation:{number}"
    more: list[Leg] = []
    if source_fund.bank_account_id != target.bank_account_id:
        bank = lock_bank(source_fund.bank_account)
        check_cash(bank.asset_key, fen)
        more = [Leg(target.bank_account.asset_key, bank.asset_key, fen)]
    for item in sorted((source_fund, target), key=lambda fund: fund.pk):
        lock_fund(item)
    posted = move_only(
        fund=source_fund,
        purpose=purpose,
        fen=fen,
        to=target.wallet_key,
        key=key,
        kind="allocation",
        actor=actor,
        source=key,
        more=more,
    )
    if not posted.replayed:
        level(fund=target, key=key, actor=actor, source=key)
    return posted


@transaction.atomic
def change_purpose(*, fund: Fund, purpose: Purpose, to: Purpose | None, fen: int, number: int, actor: str) -> Posted:
    """Bind money to another purpose (none: free it), through an account between, so that the lot changes."""
    check_purpose_open(to)
    fund = lock_fund(fund)
    key = f"purpose:{number}:change"
    more = [Leg(TRANSIT, fund.wallet_key, fen, restriction=restriction_of(to))]
    posted = move_only(
        fund=fund,
        purpose=purpose,
        fen=fen,
        to=TRANSIT,
        key=key,
        kind="purpose",
        actor=actor,
        source=f"purpose:{purpose.pk}",
        more=more,
    )
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source=key)
    return posted


# -- Suppliers ---------------------------------------------------------------------------------------------------------
def draw(
    *,
    fund: Fund,
    partner_id: int,
    fen: int,
    ticket_id: int,
    n: int,
    actor: str,
    purposes: Sequence[Purpose] = (),
) -> Taken:
    """Owe a supplier for a handed-over ticket."""
    key = f"ticket:{ticket_id}:draw" + (f":{n}" if n > 1 else "")
    return take(
        fund=fund,
        fen=fen,
        to=lambda item: payable_key(fund=item, partner_id=partner_id),
        key=key,
        kind="draw",
        actor=actor,
        source=f"ticket:{ticket_id}",
        purposes=purposes,
    )


@transaction.atomic
def undraw(*, fund: Fund, transfer_id: int, ticket_id: int, n: int, actor: str, returned: bool) -> Posted:
    """Take a draw-down back as it was: a hand-over undone, or a ticket returned (``payable`` may fall below 0)."""
    fund = lock_fund(fund)
    key = f"ticket:{ticket_id}:{'return' if returned else 'undraw'}:{n}"
    posted = ledger.reverse(transfer_id, key=key, reason="return" if returned else "undo", actor=actor)
    if not posted.replayed:
        level(fund=fund, key=key, actor=actor, source=f"ticket:{ticket_id}")
    return posted


def pay_out(*, legs: Sequence[tuple[str, int]], asset: str, number: int, actor: str, source: str) -> Posted:
    """Book that a payee got its money: out of each payable, from the bank. The bank account is locked by the caller."""
    check_cash(asset, sum(fen for _key, fen in legs))
    return post_money(
        key=f"payout:{number}",
        kind="settle",
        legs=[Leg(payable, asset, fen) for payable, fen in legs],
        actor=actor,
        source=source,
    )


def bounce(*, transfer_id: int, number: int, actor: str) -> Posted:
    """Book that the bank sent a payout back: it is owed again."""
    return ledger.reverse(transfer_id, key=f"payout:{number}:returned", reason="bounced", actor=actor)


@transaction.atomic
def spend(*, fund: Fund, purpose: Purpose | None, payee_id: int, fen: int, number: int, actor: str) -> Posted:
    """Owe a payee for an approved expense, out of this purpose only (none: free money only)."""
    open_payables(funds=[fund], payees=[payee_id])
    return move_only(
        fund=lock_fund(fund),
        purpose=purpose,
        fen=fen,
        to=payable_key(fund=fund, payee_id=payee_id),
        key=f"expense:{number}",
        kind="expense",
        actor=actor,
        source=f"expense:{number}",
    )


# -- The bank's own lines ----------------------------------------------------------------------------------------------
def bank_fee(*, fund: Fund, asset: str, fen: int, number: int, actor: str, effective_on: dt.date | None) -> Taken:
    """Book a fee of the bank: free money, or owed."""
    return take(
        fund=fund,
        fen=fen,
        to=asset,
        key=f"bankline:{number}",
        kind="bank_fee",
        actor=actor,
        source=f"bankline:{number}",
        effective_on=effective_on,
    )


def repaid(
    *, fund: Fund, partner_id: int, asset: str, fen: int, number: int, actor: str, effective_on: dt.date | None
) -> Posted:
    """Book that a supplier paid back what it had been paid too much."""
    open_payables(funds=[fund], partners=[partner_id])
    return post_money(
        key=f"bankline:{number}",
        kind="repaid",
        legs=[Leg(asset, payable_key(fund=fund, partner_id=partner_id), fen)],
        actor=actor,
        source=f"bankline:{number}",
        effective_on=effective_on,
    )


# -- Goods -------------------------------------------------------------------------------------------------------------
@transaction.atomic
def buy_goods(*, fund: Fund, partner_id: int, fen: int, movement_id: int, actor: str) -> Taken:
    """Owe for goods bought, out of free money, and put their value on the shelf, in one transfer."""
    asset, mirror = goods_keys(partner_id)
    return take(
        fund=fund,
        fen=fen,
        to=payable_key(fund=fund, partner_id=partner_id),
        key=f"movement:{movement_id}",
        kind="buy",
        actor=actor,
        source=f"movement:{movement_id}",
        more=[Leg(asset, mirror, fen)],
    )


def shelve_goods(*, partner_id: int, fen: int, key: str, kind: str, actor: str) -> Posted:
    """Put the value of goods on the shelf that cost no money: given, or brought from another village."""
    asset, mirror = goods_keys(partner_id)
    return post_money(key=key, kind=kind, legs=[Leg(asset, mirror, fen)], actor=actor, source=key)


def goods_out(*, partner_id: int, fen: int, key: str, actor: str, kind: str = "stock_out") -> Posted:
    """Take the value of goods off the shelf: handed over, written off, moved away."""
    asset, mirror = goods_keys(partner_id)
    return post_money(key=key, kind=kind, legs=[Leg(mirror, asset, fen)], actor=actor, source=key)


def goods_back(*, transfer_id: int, key: str, actor: str) -> Posted:
    """Put goods back whose hand-over was undone, at the value at which they left."""
    return ledger.reverse(transfer_id, key=key, reason="undo", actor=actor)
