"""The fund keeper's pages: payments, one payment, lines of the bank, does the provider agree."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.funds.rules import APPROVE_PAYMENT, RECORD_BANK
from marketplace.payments import rules
from marketplace.payments.forms import BankFileForm, LineForm, ReceiptForm, RefundForm
from marketplace.payments.models import BankEntry, Payment, Refund
from marketplace.payments.selectors import keeper as selectors
from marketplace.payments.services import bank_entries, by_hand, events, refunds
from timebank.common.errors import DomainError
from timebank.common.input import read_page, read_text
from timebank.registry.requests import SignedInRequest

PAGE = 24


def _inside(request: HttpRequest) -> None:
    """Answer 404 to whoever keeps no fund."""
    if not selectors.funds_inside(request.user).exists():
        raise Http404


def page_of(request: HttpRequest, rows: Any) -> Any:
    return Paginator(rows, PAGE).get_page(read_page(request.GET.get("page")))


@login_required
@require_GET
@never_cache
def payments(request: HttpRequest) -> HttpResponse:
    """List the payments of the funds that one keeps; what waits first."""
    _inside(request)
    waiting = request.GET.get("which") != "all"
    page = page_of(request, selectors.payments_of(request.user, waiting=waiting))
    tabs = [
        {"label": _("Waiting"), "href": request.path, "active": waiting},
        {"label": _("All"), "href": f"{request.path}?which=all", "active": not waiting},
    ]
    may_record = selectors.funds_inside(request.user, RECORD_BANK).exists()
    return render(request, "payments/list.html", {"page": page, "tabs": tabs, "may_record": may_record})


def _one(request: HttpRequest, pk: int) -> Payment:
    return get_object_or_404(selectors.payments_of(request.user).select_related("fund__bank_account"), pk=pk)


def answered(request: HttpRequest, do: Callable[[], Any], said: str) -> bool:
    """Run a service; say its refusal at the top of the page."""
    try:
        do()
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, said)
    return True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def payment(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one payment with its refunds and disputes; prepare a refund."""
    shown = _one(request, pk)
    form = RefundForm(request.POST if "refund" in request.POST else None, initial={"key": uuid.uuid4()})
    receipt = ReceiptForm(
        request.POST if "receipt" in request.POST else None, initial={"received_on": timezone.localdate()}
    )
    status = 200
    if form.is_bound:
        if form.is_valid() and answered(
            request,
            lambda: refunds.ask_refund(
                payment=shown,
                amount_minor=form.cleaned_data["amount"],
                reason=form.cleaned_data["reason"],
                key=form.cleaned_data["key"],
                actor=request.user,
            ),
            _("Prepared. Another person approves it."),
        ):
            return redirect("payments:payment", pk=pk)
        status = 422
    elif receipt.is_bound:
        if receipt.is_valid() and answered(
            request,
            lambda: by_hand.record_transfer(payment=shown, actor=request.user, **receipt.cleaned_data),
            _("Recorded. Another person confirms it."),
        ):
            return redirect("payments:payment", pk=pk)
        status = 422
    context = {
        "payment": shown,
        "refunds": shown.refunds.select_related("payment", "prepared_by", "approved_by").order_by("pk"),
        "disputes": shown.disputes.select_related("payment").order_by("pk"),
        "left": (refunds.left_of(shown), shown.currency),
        "may_prepare": rules.may_prepare(request.user, shown.fund),
        "may_approve": rules.may_approve(request.user, shown.fund),
        "form": form,
        "receipt": receipt,
    }
    return render(request, "payments/payment.html", context, status=status)


@login_required
@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm as the second person that a transfer is there, or say that it is not."""
    shown = _one(request, pk)
    arrived = "absent" not in request.POST
    answered(
        request,
        lambda: by_hand.confirm_transfer(
            payment=shown, actor=request.user, arrived=arrived, reason=read_text(request.POST.get("reason"))
        ),
        _("Confirmed and booked.") if arrived else _("Kept as not arrived."),
    )
    return redirect("payments:payment", pk=pk)


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Give up an announced transfer that will not come."""
    shown = _one(request, pk)
    answered(
        request,
        lambda: by_hand.withdraw_transfer(payment=shown, actor=request.user),
        _("Given up. Nothing is expected any more."),
    )
    return redirect("payments:payment", pk=pk)


@login_required
@require_POST
def decide(request: HttpRequest, pk: int, refund_pk: int) -> HttpResponse:
    """Approve or decline a refund that somebody else prepared."""
    shown = _one(request, pk)
    refund = get_object_or_404(Refund.objects.filter(payment=shown), pk=refund_pk)
    approve = "approve" in request.POST
    answered(
        request,
        lambda: refunds.decide_refund(
            refund=refund,
            approve=approve,
            actor=request.user,
            from_free="from_free" in request.POST,
            reason=read_text(request.POST.get("reason")),
        ),
        _("Approved.") if approve else _("Declined."),
    )
    return redirect("payments:payment", pk=pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def bank(request: HttpRequest) -> HttpResponse:
    """Take in a bank's file; list the lines that people must decide."""
    _inside(request)
    form = BankFileForm(
        request.POST or None,
        request.FILES or None,
        accounts=selectors.bank_accounts_of(request.user),
        templates=selectors.templates(),
    )
    status = 200
    if form.is_bound:
        if form.is_valid() and _take_in(request, form):
            return redirect("payments:bank")
        status = 422
    waiting = request.GET.get("which") != "done"
    tabs = [
        {"label": _("To be decided"), "href": request.path, "active": waiting},
        {"label": _("Decided"), "href": f"{request.path}?which=done", "active": not waiting},
    ]
    page = page_of(request, selectors.bank_lines_of(request.user, waiting=waiting))
    return render(request, "payments/bank.html", {"form": form, "page": page, "tabs": tabs}, status=status)


def _take_in(request: HttpRequest, form: BankFileForm) -> bool:
    upload = form.cleaned_data["file"]
    try:
        batch = bank_entries.import_file(
            bank_account=form.cleaned_data["bank_account"],
            template=form.cleaned_data["template"],
            name=upload.name,
            data=upload.read(),
            actor=request.user,
        )
        bank_entries.match_lines(batch=batch, actor=request.user)
    except DomainError as refusal:
        row = refusal.params.get("row")
        form.add_error("file", f"{refusal}" + (_(" (row %(row)s)") % {"row": row} if row else ""))
        return False
    messages.success(
        request,
        _("%(new)d new lines, %(known)d known already.") % {"new": batch.lines_new, "known": batch.lines_known},
    )
    return True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def bank_line(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what a line is, or confirm what another person said."""
    lines = BankEntry.objects.filter(bank_account__in=selectors.bank_accounts_of(request.user))
    line = get_object_or_404(lines.select_related("bank_account", "fund__region", "payment", "prepared_by"), pk=pk)
    waiting = bank_entries.waiting_payments(line.bank_account)
    form = LineForm(
        request.POST if "propose" in request.POST else None,
        funds=selectors.funds_inside(request.user).filter(bank_account=line.bank_account),
        payments=Payment.objects.filter(pk__in=[payment.pk for payment in waiting]),
    )
    status = 200
    if "approve" in request.POST or "give_back" in request.POST:
        approve = "approve" in request.POST
        answered(
            request,
            lambda: bank_entries.decide_line(line=line, approve=approve, actor=request.user),
            _("Confirmed.") if approve else _("To be decided anew."),
        )
        return redirect("payments:bank_line", pk=pk)
    if form.is_bound:
        if form.is_valid() and answered(
            request,
            lambda: bank_entries.propose_line(line=line, actor=request.user, **form.cleaned_data),
            _("Prepared. Another person confirms it."),
        ):
            return redirect("payments:bank_line", pk=pk)
        status = 422
    fitting = bank_entries.fits(line, waiting)
    return render(request, "payments/bank_line.html", {"line": line, "form": form, "fitting": fitting}, status=status)


@login_required
@require_GET
@never_cache
def reconciliation(request: HttpRequest) -> HttpResponse:
    """Show whether our books agree with the payment service's, what differs, and events that could not be processed."""
    _inside(request)
    may_retry = selectors.funds_inside(request.user, RECORD_BANK, APPROVE_PAYMENT).exists()
    context = {
        "page": page_of(request, selectors.recon_runs()),
        "failed": selectors.failed_events(),
        "refused": selectors.refused_calls(),
        "may_retry": may_retry,
    }
    return render(request, "payments/reconciliation.html", context)


@login_required
@require_POST
def retry(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take up an event again that could not be processed."""
    _inside(request)
    event = get_object_or_404(selectors.failed_events(), pk=pk)
    answered(request, lambda: events.retry_event(pk=event.pk, actor=request.user), _("Taken up again."))
    return redirect("payments:reconciliation")
