"""The one door to money in the ledger: every posting in CNY is made here, by name, as the table in the docs has it.

``Leg(debit, credit)``: the debit side pays. An asset is debited when money comes in, so its balance is minus the money.
Locks are taken in one order: bank account, fund (both rows), then the ledger's wallets by id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from marketplace.funds import errors
from marketplace.funds.models import Fund, Purpose
from marketplace.funds.posting import (
    TRANSIT,
    Share,
    Taken,
    check_cash,
    goods_keys,
    level,
    lock_bank,
    lock_fund,
    move_only,
    open_payables,
    payable_key,
    post_money,
    restriction_of,
    suspense_key,
    take,
)
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, Posted


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
