"""Bring a payment to what its provider says now. Order, repetition and races of the causes can't matter.

The provider is asked outside of any transaction; then, in one transaction and under the payment's lock, the state moves
forward only and every line of the provider's books that is not yet in ours is posted under its own key.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from marketplace.funds import book
from marketplace.funds.errors import PurposeClosed
from marketplace.payments import providers, sources
from marketplace.payments.models import BalanceTransaction, Dispute, Payment, Refund, StripeEvent
from marketplace.payments.models.payments import may_become
from marketplace.payments.providers.base import Line, RemoteDispute, RemotePayment, RemoteRefund
from timebank.common.input import read_id
from timebank.ledger.selectors import transfer_by_key

log = logging.getLogger(__name__)

ACTOR = "provider"
KEEPS_KEYS = dt.timedelta(hours=23)  # Stripe answers a repeated key for 24 hours
CNY = "CNY"
_REFUND_STATES = {
    "succeeded": Refund.State.SUCCEEDED,
    "pending": Refund.State.PENDING,
    "requires_action": Refund.State.PENDING,
    "failed": Refund.State.FAILED,
    "canceled": Refund.State.FAILED,
}


def transfer_key(txn: str) -> str:
    """Name the transfer of one line of the provider's books."""
    return f"stripe:{txn}"


def sync_payment(pk: int, *, session: str = "", intent: str = "", events: Sequence[int] = ()) -> Payment:
    """Ask the provider for a payment and bring it forward. ``session`` and ``intent`` help when we know none yet.

    ``events`` (ids read before this call) are done with it. Raises ``ProviderDown``, ``ProviderOff``.
    """
    payment = Payment.objects.get(pk=pk)
    if not payment.is_online:
        return payment
    payment.session = payment.session or session
    payment.intent = payment.intent or intent
    remote = providers.of(payment.provider).sync(payment)
    return apply_remote(pk, remote, events=events)


def lock_payment(pk: int) -> Payment:
    """Lock a payment: all that changes it or posts for it goes one at a time."""
    locked = Payment.objects.select_for_update(of=("self",)).select_related("fund__bank_account", "purpose")
    return locked.get(pk=pk)


@transaction.atomic
def apply_remote(pk: int, remote: RemotePayment | None, *, events: Sequence[int] = ()) -> Payment:
    """Write what the provider said; whatever is known already is left alone."""
    payment = lock_payment(pk)
    if remote is None:
        _give_up(payment)
    else:
        _forward(payment, remote)
        _refunds(payment, remote.refunds)
        _disputes(payment, remote.disputes)
    if events:
        StripeEvent.objects.filter(pk__in=events, state=StripeEvent.State.RECEIVED).update(
            state=StripeEvent.State.DONE, payment=payment, processed_at=timezone.now(), error=""
        )
    return payment


def _give_up(payment: Payment) -> None:
    """End a payment whose page was never opened, once the provider would not know its key any more."""
    if payment.state == Payment.State.CREATING and timezone.now() - payment.created_at > KEEPS_KEYS:
        payment.state = Payment.State.FAILED
        payment.failure = "never opened"
        payment.save(update_fields=["state", "failure"])


def _fits(payment: Payment, remote: RemotePayment) -> bool:
    """Say whether what was paid is what was asked for."""
    asked = (payment.amount_minor, payment.currency, str(payment.public_id))
    known = not payment.session or payment.livemode == remote.livemode
    return known and (remote.amount, remote.currency, remote.reference) == asked


def _forward(payment: Payment, remote: RemotePayment) -> None:
    if remote.reference != str(payment.public_id):
        log.warning("payments: %s says it belongs to another payment than %s", remote.session, payment)
        return
    if not payment.session:
        payment.session, payment.livemode = remote.session, remote.livemode
    payment.intent = payment.intent or remote.intent
    fits = _fits(payment, remote)
    became_paid = remote.state == "paid" and may_become(payment, Payment.State.PAID)
    if may_become(payment, remote.state):
        payment.state = Payment.State(remote.state)
        payment.failure = "" if remote.state == "paid" else remote.failure[:200]
    if became_paid:
        payment.paid_at = timezone.now()
        if not fits:
            payment.failure = "amount_mismatch"
        elif not sources.of(payment).accepts(payment):
            payment.failure = "not_wanted"
        else:
            sources.of(payment).paid(payment)
    payment.save(update_fields=["session", "livemode", "intent", "state", "failure", "paid_at"])
    for line, row in _fresh(remote.lines, payment):
        _book_charge(payment, line, row)


def record_line(line: Line, *, provider: str, **belongs: object) -> BalanceTransaction:
    """Write a line of the provider's books once; return its row, locked by what it belongs to."""
    row, _made = BalanceTransaction.objects.get_or_create(
        txn=line.txn,
        defaults={
            "provider": provider,
            "kind": line.kind,
            "currency": line.currency,
            "amount": line.amount,
            "fee": line.fee,
            "net": line.net,
            "source": line.source,
            "created_at": line.created_at,
            **belongs,
        },
    )
    return row


def _fresh(
    lines: Iterable[Line], payment: Payment, refund: Refund | None = None, dispute: Dispute | None = None
) -> list[tuple[Line, BalanceTransaction]]:
    """Record lines and return those that are to be booked now: in CNY, and not booked yet."""
    result = []
    for line in lines:
        row = record_line(line, provider=payment.provider, payment=payment, refund=refund, dispute=dispute)
        if row.payment_id is None:  # seen by the comparison with the provider before we knew whose it is
            row.payment, row.refund, row.dispute = payment, refund, dispute
            row.save(update_fields=["payment", "refund", "dispute"])
        if not row.booked and line.currency == CNY:
            result.append((line, row))
    return result


def _booked(row: BalanceTransaction, *, stray: bool = False) -> None:
    row.booked, row.stray = True, stray
    row.save(update_fields=["booked", "stray"])


def _book_charge(payment: Payment, line: Line, row: BalanceTransaction) -> None:
    asset = providers.asset_of(payment.provider)
    source = f"payment:{payment.pk}"
    key = transfer_key(line.txn)
    if not payment.failure:
        try:
            book.receive(
                fund=payment.fund,
                asset=asset,
                fen=line.amount,
                fee_fen=line.fee,
                key=key,
                actor=ACTOR,
                source=source,
                purpose=payment.purpose,
                memo=payment.payer,
            )
        except PurposeClosed:
            payment.failure = "purpose_closed"
            payment.save(update_fields=["failure"])
        else:
            _booked(row)
            mark_booked(payment, gross=line.amount, fee=line.fee)
            return
    book.receive_stray(
        asset=asset, fen=line.amount, fee_fen=line.fee, key=key, actor=ACTOR, source=source, memo=payment.failure
    )
    _booked(row, stray=True)


def mark_booked(payment: Payment, *, gross: int, fee: int) -> None:
    """Let a locked payment be booked, and tell who asked for it."""
    payment.gross_fen, payment.fee_fen = payment.gross_fen + gross, payment.fee_fen + fee
    if may_become(payment, Payment.State.BOOKED):
        payment.state = Payment.State.BOOKED
        payment.booked_at = timezone.now()
    payment.save(update_fields=["gross_fen", "fee_fen", "state", "booked_at", "failure"])
    sources.of(payment).booked(payment)


def in_suspense(payment: Payment) -> bool:
    """Say whether a payment's money lies in suspense."""
    return BalanceTransaction.objects.filter(payment=payment, kind="charge", stray=True).exists()


def _refunds(payment: Payment, remotes: Iterable[RemoteRefund]) -> None:
    for remote in remotes:
        refund = _refund_row(payment, remote)
        state = _REFUND_STATES.get(remote.status, Refund.State.PENDING)
        before = refund.state
        if may_become(refund, state):
            refund.state = state
        refund.remote = refund.remote or remote.id
        refund.failure = remote.failure[:200] or refund.failure
        refund.save(update_fields=["state", "remote", "failure"])
        if before != refund.state and refund.state == Refund.State.FAILED and before == Refund.State.SUCCEEDED:
            log.warning("payments: %s came back", refund)
        for line, row in sorted(_fresh(remote.lines, payment, refund=refund), key=lambda item: item[0].amount):
            _book_refund(payment, refund, line, row)


def _refund_row(payment: Payment, remote: RemoteRefund) -> Refund:
    known = Refund.objects.filter(payment=payment)
    result = known.filter(remote=remote.id).first()
    if result is None and read_id(remote.number):
        result = known.filter(pk=int(remote.number), remote="").first()
    if result is None:
        result = Refund.objects.create(
            payment=payment,
            remote=remote.id,
            amount_minor=remote.amount,
            state=Refund.State.PENDING,
            foreign=True,
            reason="",
        )
    return result


def _book_refund(payment: Payment, refund: Refund, line: Line, row: BalanceTransaction) -> None:
    asset = providers.asset_of(payment.provider)
    key = transfer_key(line.txn)
    source = f"refund:{refund.pk}"
    if line.amount > 0:
        opened = BalanceTransaction.objects.filter(refund=refund, amount__lt=0, booked=True).first()
        before = transfer_by_key(transfer_key(opened.txn)) if opened is not None else None
        if before is None:
            return
        book.undo_refund(fund=payment.fund, transfer_id=before.id, key=key, actor=ACTOR)
        sources.of(payment).refunded(payment, refund, +1)
    elif in_suspense(payment):
        book.explain_stray(asset=asset, fen=-line.amount, key=key, actor=ACTOR, source=source, at_provider=True)
    else:
        book.refund_donor(
            fund=payment.fund,
            asset=asset,
            fen=-line.amount,
            fee_fen=max(line.fee, 0),
            key=key,
            actor=ACTOR,
            source=source,
            purpose=payment.purpose,
        )
        sources.of(payment).refunded(payment, refund, -1)
    _booked(row)


def _disputes(payment: Payment, remotes: Iterable[RemoteDispute]) -> None:
    for remote in remotes:
        state = _dispute_state(remote.status)
        dispute, made = Dispute.objects.get_or_create(
            remote=remote.id,
            defaults={
                "payment": payment,
                "amount_minor": remote.amount,
                "reason": remote.reason[:60],
                "state": Dispute.State.WARNING if remote.status.startswith("warning") else Dispute.State.OPEN,
                "due_at": remote.due_at,
            },
        )
        if may_become(dispute, state):
            dispute.state = state
            if state in (Dispute.State.WON, Dispute.State.LOST):
                dispute.closed_at = timezone.now()
        dispute.amount_minor, dispute.due_at = remote.amount, remote.due_at
        dispute.save(update_fields=["state", "closed_at", "amount_minor", "due_at"])
        if made:
            log.warning("payments: %s was opened on %s", dispute, payment)
        for line, row in sorted(_fresh(remote.lines, payment, dispute=dispute), key=lambda item: item[0].amount):
            _book_dispute(payment, dispute, line, row)


def _dispute_state(status: str) -> Dispute.State:
    if status in ("won", "lost"):
        return Dispute.State(status)
    if status == "warning_closed":
        return Dispute.State.WON
    return Dispute.State.WARNING if status.startswith("warning") else Dispute.State.OPEN


def _book_dispute(payment: Payment, dispute: Dispute, line: Line, row: BalanceTransaction) -> None:
    asset = providers.asset_of(payment.provider)
    key = transfer_key(line.txn)
    source = f"dispute:{dispute.pk}"
    if line.amount > 0:
        opened = BalanceTransaction.objects.filter(dispute=dispute, amount__lt=0, booked=True).first()
        if opened is None:
            return
        book.win_dispute(
            fund=payment.fund,
            asset=asset,
            fen=line.amount,
            fee_fen=-line.fee,
            key=key,
            opened=transfer_key(opened.txn),
            actor=ACTOR,
            source=source,
        )
    else:
        book.open_dispute(
            fund=payment.fund,
            asset=asset,
            fen=-line.amount,
            fee_fen=line.fee,
            key=key,
            actor=ACTOR,
            source=source,
            purpose=payment.purpose,
        )
    _booked(row)
