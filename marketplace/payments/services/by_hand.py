"""Bank transfer and cash: announced with a reference, recorded by one person, confirmed by another, then booked."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds import book
from marketplace.funds.errors import BadAmount
from marketplace.funds.services.common import note, person
from marketplace.payments import rules, sources
from marketplace.payments.errors import AmountMismatch, DayInFuture, ReferenceTaken
from marketplace.payments.models import Payment
from marketplace.payments.models.payments import may_become
from marketplace.payments.services.syncing import lock_payment, mark_booked
from timebank.common.errors import KeyConflict, WrongState
from timebank.common.input import clean_text
from timebank.registry.interests import other_person

if TYPE_CHECKING:
    from marketplace.funds.models import Fund, Purpose

ALPHABET = "ABCDEFGHJKLMNPQRTUWXY346789"  # nothing that is misread on paper
REFERENCE_LENGTH = 6
BY_HAND = (Payment.Provider.BANK, Payment.Provider.CASH)


def new_reference() -> str:
    """Return a reference such as "SJ-7KQ4MX", to be written on the transfer."""
    return "SJ-" + "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE_LENGTH))


def announce_transfer(
    *,
    fund: Fund,
    amount_fen: int,
    key: uuid.UUID,
    title: str,
    actor: Any,
    provider: str = Payment.Provider.BANK,
    source: str = "",
    purpose: Purpose | None = None,
    payer: str = "",
    reference: str = "",
) -> Payment:
    """Give a reference for a transfer that is to come. Called by the app that knows what is paid for.

    The same ``key`` is the same payment. Raises ``BadAmount``, ``KeyConflict``, ``ReferenceTaken``.
    """
    if type(amount_fen) is not int or amount_fen <= 0:
        raise BadAmount(field="amount")
    if provider not in BY_HAND or (purpose is not None and purpose.fund_id != fund.pk):
        raise AmountMismatch(field="purpose")
    asked = (fund.pk, purpose.pk if purpose else None, source, amount_fen, provider)
    for _try in range(5):
        known = Payment.objects.filter(key=key).first()
        if known is not None:
            if (known.fund_id, known.purpose_id, known.source, known.amount_minor, known.provider) != asked:
                raise KeyConflict
            return known
        chosen = clean_text(reference).upper() or new_reference()
        if Payment.objects.filter(fund=fund, reference=chosen).exists():
            if reference:
                raise ReferenceTaken(field="reference")
            continue
        try:
            with transaction.atomic():
                return Payment.objects.create(
                    key=key,
                    provider=provider,
                    fund=fund,
                    purpose=purpose,
                    source=source,
                    title=title[:120],
                    payer=payer[:120],
                    amount_minor=amount_fen,
                    state=Payment.State.OPEN,
                    reference=chosen,
                    started_by=actor,
                )
        except IntegrityError:  # the same key or reference at the same moment: look again
            continue
    raise ReferenceTaken(field="reference")


@transaction.atomic
def record_receipt(
    *,
    fund: Fund,
    amount_fen: int,
    key: uuid.UUID,
    received_on: dt.date,
    actor: Any,
    document: str = "",
    provider: str = Payment.Provider.BANK,
    title: str = "",
    payer: str = "",
    purpose: Purpose | None = None,
    reference: str = "",
) -> Payment:
    """Record money that arrived without being announced; a second person confirms it."""
    rules.require_prepare(actor, fund)
    payment = announce_transfer(
        fund=fund,
        amount_fen=amount_fen,
        key=key,
        title=title or "捐赠",
        actor=actor,
        provider=provider,
        purpose=purpose,
        payer=payer,
        reference=reference,
    )
    return record_transfer(payment=payment, received_on=received_on, document=document, actor=actor)


@transaction.atomic
def record_transfer(*, payment: Payment, received_on: dt.date, actor: Any, document: str = "") -> Payment:
    """Say that an announced transfer is on the account (or the cash in the box). Repeated by one person: as it is."""
    payment = lock_payment(payment.pk)
    rules.require_prepare(actor, payment.fund)
    if received_on > timezone.localdate():
        raise DayInFuture(field="received_on")
    if payment.state == Payment.State.PAID and payment.prepared_by_id == actor.pk:
        return payment
    if payment.provider not in BY_HAND or not may_become(payment, Payment.State.PAID):
        raise WrongState(state=payment.state)
    payment.state = Payment.State.PAID
    payment.prepared_by, payment.received_on, payment.document = actor, received_on, clean_text(document)[:60]
    payment.paid_at = timezone.now()
    payment.save(update_fields=["state", "prepared_by", "received_on", "document", "paid_at"])
    note(actor, "record_payment", payment, payment.fund, amount=payment.amount_minor)
    return payment


@transaction.atomic
def confirm_transfer(*, payment: Payment, actor: Any, arrived: bool = True, reason: str = "") -> Payment:
    """Confirm as the second person: booked; or say that it is not there. Raises ``SamePerson``, ``WrongState``."""
    payment = lock_payment(payment.pk)
    rules.require_approve(actor, payment.fund)
    if payment.provider not in BY_HAND or payment.state != Payment.State.PAID:
        raise WrongState(state=payment.state)
    other_person(actor, payment.prepared_by_id)
    payment.approved_by = actor
    if not arrived:
        payment.state = Payment.State.FAILED
        payment.failure = clean_text(reason)[:200] or "not there"
        payment.save(update_fields=["state", "failure", "approved_by"])
    else:
        payment.save(update_fields=["approved_by"])
        book_by_hand(payment, actor)
    note(actor, "confirm_payment", payment, payment.fund, reason=reason, arrived=arrived)
    return payment


def book_by_hand(payment: Payment, actor: Any, *, effective_on: dt.date | None = None) -> None:
    """Book a locked payment that two persons saw."""
    cash = payment.provider == Payment.Provider.CASH
    source = sources.of(payment)
    if source.accepts(payment):
        source.paid(payment)
    book.receive(
        fund=payment.fund,
        asset=payment.fund.cash_key if cash else payment.fund.bank_account.asset_key,
        fen=payment.amount_minor,
        key=f"payment:{payment.pk}",
        actor=person(actor),
        source=f"payment:{payment.pk}",
        purpose=payment.purpose,
        memo=payment.payer,
        effective_on=effective_on,
    )
    mark_booked(payment, gross=payment.amount_minor, fee=0)


@transaction.atomic
def withdraw_transfer(*, payment: Payment, actor: Any) -> Payment:
    """Give up an announced transfer that will not come."""
    payment = lock_payment(payment.pk)
    if not (rules.is_payer(actor, payment) or rules.may_prepare(actor, payment.fund)):
        rules.require_prepare(actor, payment.fund)
    if payment.provider not in BY_HAND or payment.state != Payment.State.OPEN:
        raise WrongState(state=payment.state)
    payment.state = Payment.State.EXPIRED
    payment.save(update_fields=["state"])
    return payment
