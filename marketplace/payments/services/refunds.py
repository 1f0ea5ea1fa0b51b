"""Give money back: one person prepares, another approves; never more than is left, never what is spent already."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from marketplace.funds import book, posting
from marketplace.funds.errors import AlreadySpent, BadAmount
from marketplace.funds.services.common import note, once, person
from marketplace.payments import providers, rules, sources
from marketplace.payments.errors import ProviderRefused, RefundExceeds
from marketplace.payments.models import Dispute, Payment, Refund
from marketplace.payments.services.syncing import in_suspense, lock_payment, sync_payment
from timebank.common.errors import ReasonMissing, WrongState
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.registry.interests import other_person

GONE = (Refund.State.DECLINED, Refund.State.FAILED)
PROMISED = (Refund.State.APPROVED, Refund.State.SENT)


def left_of(payment: Payment) -> int:
    """Return what may still be given back of a payment, in its own smallest unit.

    What the card's holder has got back by a dispute, or may yet, is not given back a second time.
    """
    given = payment.refunds.exclude(state__in=GONE).aggregate(total=Sum("amount_minor"))["total"] or 0
    taken = payment.disputes.filter(state__in=[Dispute.State.OPEN, Dispute.State.LOST])
    taken_fen = taken.aggregate(total=Sum("amount_minor"))["total"] or 0
    return max(payment.amount_minor - given - taken_fen, 0)


@transaction.atomic
def ask_refund(
    *,
    payment: Payment,
    amount_minor: int,
    reason: str,
    key: uuid.UUID,
    actor: Any,
    kind: str = Refund.Kind.REFUND,
) -> Refund:
    """Prepare a refund. Raises ``RefundExceeds`` (``left``), ``BadAmount``, ``ReasonMissing``, ``WrongState``."""
    payment = lock_payment(payment.pk)
    rules.require_prepare(actor, payment.fund)
    if type(amount_minor) is not int or amount_minor <= 0:
        raise BadAmount(field="amount")
    if not clean_text(reason):
        raise ReasonMissing(field="reason")
    # Online money is there once it is paid: in suspense, or in another currency, it is booked later.
    if payment.state != Payment.State.BOOKED and not (payment.state == Payment.State.PAID and payment.is_online):
        raise WrongState(state=payment.state)
    if kind == Refund.Kind.CORRECTION and payment.is_online:
        raise WrongState(state=payment.state)
    known = Refund.objects.filter(key=key).first()
    left = left_of(payment) + (known.amount_minor if known is not None else 0)
    if amount_minor > left:
        raise RefundExceeds(field="amount", left=left)
    refund, made = once(
        Refund,
        key=key,
        payment=payment,
        kind=kind,
        amount_minor=amount_minor,
        reason=clean_text(reason)[:200],
        prepared_by=actor,
    )
    if made:
        note(actor, "ask_refund", refund, payment.fund, reason=reason, amount=amount_minor)
    return refund


def unspent(payment: Payment, *, apart_from: int = 0) -> int:
    """Return how much of a payment's purpose (or of free money) is left and not promised to other refunds, fen."""
    promised = Refund.objects.filter(
        payment__fund_id=payment.fund_id, payment__purpose=payment.purpose, state__in=PROMISED
    ).exclude(pk=apart_from)
    total = sum(in_fen(item.payment, item.amount_minor) for item in promised.select_related("payment"))
    return max(posting.left_of(payment.fund, payment.purpose) - total, 0)


def in_fen(payment: Payment, amount_minor: int) -> int:
    """Say what a part of a payment is in fen, by what the whole was booked at (0 while it is not in the books)."""
    if payment.currency == "CNY":
        return amount_minor
    return (2 * amount_minor * payment.gross_fen + payment.amount_minor) // (2 * payment.amount_minor)


@transaction.atomic
def decide_refund(*, refund: Refund, approve: bool, actor: Any, from_free: bool = False, reason: str = "") -> Refund:
    """Approve or decline. Beyond what is unspent: ``AlreadySpent`` (``most``) unless ``from_free`` is ticked.

    Bank and cash are booked at once; at a provider the money is sent by ``send_refund``, after this transaction.
    """
    payment = lock_payment(refund.payment_id)
    rules.require_approve(actor, payment.fund)
    row = Refund.objects.select_for_update().get(pk=refund.pk)
    if row.state != Refund.State.ASKED:
        raise WrongState(state=row.state)
    other_person(actor, row.prepared_by_id)
    fen = in_fen(payment, row.amount_minor)
    if approve and fen and not in_suspense(payment):
        posting.lock_fund(payment.fund)
        most = unspent(payment, apart_from=row.pk)
        if fen > most and not from_free:
            raise AlreadySpent(most=most)
    row.state = Refund.State.APPROVED if approve else Refund.State.DECLINED
    row.from_free, row.approved_by, row.decided_at = from_free, actor, timezone.now()
    row.save(update_fields=["state", "from_free", "approved_by", "decided_at"])
    note(actor, f"refund_{row.state}", row, payment.fund, reason=reason, amount=row.amount_minor, from_free=from_free)
    if approve and not payment.is_online:
        _book_by_hand(payment, row, actor)
    return row


def _book_by_hand(payment: Payment, refund: Refund, actor: Any) -> None:
    """Book money that goes back by hand, or a receipt that was typed too high."""
    asset = payment.fund.cash_key if payment.provider == Payment.Provider.CASH else payment.fund.bank_account.asset_key
    correction = refund.kind == Refund.Kind.CORRECTION
    words: dict[str, Any] = {
        "fund": payment.fund,
        "asset": asset,
        "fen": refund.amount_minor,
        "actor": person(actor),
        "source": f"payment:{payment.pk}",
        "purpose": payment.purpose,
    }
    if correction:
        book.correct_receipt(key=f"payment:{payment.pk}:correct:{refund.pk}", **words)
    else:
        posting.check_cash(asset, refund.amount_minor)
        book.refund_donor(key=f"refund:{refund.pk}", only_unspent=not refund.from_free, **words)
    refund.state = Refund.State.SUCCEEDED
    refund.save(update_fields=["state"])
    sources.of(payment).refunded(payment, refund, -1)


def send_refund(*, pk: int) -> Refund:
    """Ask the provider to send an approved refund, then take over what it says. Any number of times, sent once.

    Raises ``ProviderDown`` (a sweep tries again). What the provider refuses is ``failed`` with its words.
    """
    refund = Refund.objects.select_related("payment").get(pk=pk)
    if refund.state not in PROMISED or not refund.payment.is_online:
        return refund
    try:
        remote = providers.of(refund.payment.provider).refund(refund)
    except ProviderRefused as refusal:
        with transaction.atomic():
            lock_payment(refund.payment_id)
            Refund.objects.filter(pk=pk, state__in=PROMISED, remote="").update(
                state=Refund.State.FAILED, failure=str(refusal.params.get("detail", ""))[:200]
            )
        raise
    with transaction.atomic():
        lock_payment(refund.payment_id)
        Refund.objects.filter(pk=pk, state=Refund.State.APPROVED).update(state=Refund.State.SENT, remote=remote.id)
    sync_payment(refund.payment_id)
    return Refund.objects.get(pk=pk)


def _waiting(_now: dt.datetime) -> QuerySet[Any, Any]:
    """Select what was approved and is not yet sent; nothing while no provider is set."""
    rows = Refund.objects.filter(state__in=PROMISED, payment__provider__in=("stripe", "practice"))
    rows = rows if providers.online() else rows.none()
    return rows.order_by("pk").values_list("pk", flat=True)


# No transaction around it: the provider is called between two.
SEND_REFUNDS = Sweep(
    "send refunds", due=_waiting, handle=lambda pk, _now: send_refund(pk=pk).state, every=5 * 60, most=50, atomic=False
)
