"""The payer's pages: what became of the payment. No address is believed: the provider is asked."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from marketplace.payments import rules, sources
from marketplace.payments.errors import PaymentsError
from marketplace.payments.models import Payment
from marketplace.payments.services.by_hand import withdraw_transfer
from marketplace.payments.services.starting import LIVE, cancel_payment
from marketplace.payments.services.syncing import sync_payment
from timebank.common.errors import WrongState
from timebank.common.input import read_int

REFRESH_SECONDS = 2
REFRESHES = 15
FINAL = (Payment.State.BOOKED, Payment.State.PAID)


def _payment_for(request: HttpRequest, public_id: uuid.UUID) -> Payment:
    payments = Payment.objects.select_related("fund__region", "fund__bank_account", "purpose").filter(
        public_id=public_id
    )
    payment = payments.first()
    if payment is None or not (
        rules.is_payer(request.user, payment) or rules.sees_payments(request.user, payment.fund)
    ):
        raise Http404
    return payment


def _asked(payment: Payment) -> tuple[Payment, bool]:
    """Return the payment as its provider knows it, and whether the provider answered."""
    if not payment.is_online or payment.state == Payment.State.BOOKED:
        return payment, True
    try:
        sync_payment(payment.pk)
    except PaymentsError:
        return payment, False
    payment.refresh_from_db()
    return payment, True


@login_required
@require_GET
@never_cache
def status(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show a payment to its payer: how to pay, or what became of it."""
    payment, answered = _asked(_payment_for(request, public_id))
    return _page(request, payment, answered=answered)


@login_required
@require_GET
@never_cache
def came_back(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Say "paid", "being confirmed" or "not paid" to somebody who comes back from the provider's page."""
    payment, answered = _asked(_payment_for(request, public_id))
    return _page(request, payment, answered=answered, waits=True)


@login_required
@require_GET
@never_cache
def cancelled(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Say what became of a payment to somebody who turned back; it may be paid all the same."""
    payment, answered = _asked(_payment_for(request, public_id))
    return _page(request, payment, answered=answered, turned_back=True)


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Close the page of a payment that its payer gives up."""
    payment = _payment_for(request, public_id)
    if not rules.is_payer(request.user, payment):
        raise Http404
    try:
        if payment.is_online:
            cancel_payment(payment=payment, actor=request.user)
        else:
            withdraw_transfer(payment=payment, actor=request.user)
    except WrongState:
        pass  # it has been recorded meanwhile: the page says what became of it
    except PaymentsError:
        return _page(request, payment, answered=False)
    return redirect("payments:status", public_id=payment.public_id)


def _page(
    request: HttpRequest, payment: Payment, *, answered: bool, waits: bool = False, turned_back: bool = False
) -> HttpResponse:
    count = read_int(request.GET.get("n"), 0, 999, default=0)
    unclear = payment.is_online and (
        payment.state == Payment.State.PROCESSING or not answered or (waits and payment.state in LIVE)
    )
    outcome = "paid" if payment.state in FINAL else "confirming" if unclear else "not_paid"
    if outcome == "not_paid" and payment.state in LIVE and not turned_back and not waits:
        outcome = "open"
    again = waits and outcome == "confirming" and count < REFRESHES
    response = render(
        request,
        "payments/payer.html",
        {
            "payment": payment,
            "outcome": outcome,
            "answered": answered,
            "refreshes": again,
            "back": sources.of(payment).address(payment),
            "mine": rules.is_payer(request.user, payment),
            "account": payment.fund.bank_account,
        },
    )
    if again:
        # Works without JavaScript; the page also has a link that asks at once.
        response["Refresh"] = f"{REFRESH_SECONDS}; url={request.path}?n={count + 1}"
    return response
