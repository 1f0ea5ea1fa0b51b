"""Money that came without being announced: a receipt that two persons write down, and what nobody can explain yet."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.funds.rules import APPROVE_PAYMENT, RECORD_BANK
from marketplace.payments import rules
from marketplace.payments.forms import PlaceForm, UnannouncedForm
from marketplace.payments.selectors import keeper as selectors
from marketplace.payments.services import by_hand
from marketplace.payments.services import strays as stray_services
from marketplace.payments.views.keeper import answered, page_of
from timebank.common.errors import DomainError


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def receipt(request: HttpRequest) -> HttpResponse:
    """Write down a transfer or cash that nobody announced; another person confirms it."""
    funds = selectors.funds_inside(request.user, RECORD_BANK)
    if not funds.exists():
        raise Http404
    form = UnannouncedForm(request.POST or None, funds=funds)
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            payment = by_hand.record_receipt(
                fund=data["fund"],
                purpose=data["purpose"],
                provider=data["provider"],
                amount_fen=data["amount"],
                payer=data["payer"],
                title=data["title"],
                received_on=data["received_on"],
                document=data["document"],
                key=data["key"],
                actor=request.user,
            )
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Recorded. Another person confirms it."))
            return redirect("payments:payment", pk=payment.pk)
    return render(request, "payments/new.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_GET
@never_cache
def strays(request: HttpRequest) -> HttpResponse:
    """List what came by the payment service and belongs to no payment that we know."""
    if not selectors.funds_inside(request.user, RECORD_BANK, APPROVE_PAYMENT).exists():
        raise Http404
    return render(request, "payments/strays.html", {"page": page_of(request, selectors.strays_for(request.user))})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def stray(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which fund unexplained money belongs to, or confirm what another person said."""
    line = get_object_or_404(selectors.strays_for(request.user), pk=pk)
    funds = selectors.funds_inside(request.user, RECORD_BANK)
    if line.payment is not None:
        funds = funds.filter(pk=line.payment.fund_id)
    form = PlaceForm(request.POST if "propose" in request.POST else None, funds=funds)
    if "confirm" in request.POST:
        done = answered(
            request,
            lambda: stray_services.confirm_place(line=line, actor=request.user),
            _("Confirmed and booked."),
        )
        return redirect("payments:strays") if done else redirect("payments:stray", pk=pk)
    if form.is_bound and form.is_valid():
        data: dict[str, Any] = form.cleaned_data
        try:
            stray_services.propose_place(line=line, fund=data["fund"], purpose=data["purpose"], actor=request.user)
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Prepared. Another person confirms it."))
            return redirect("payments:stray", pk=pk)
    fund, another = line.place_fund, line.place_prepared_by_id != request.user.pk
    may_confirm = fund is not None and another and rules.may_approve(request.user, fund)
    context = {"line": line, "form": form if funds.exists() else None, "may_confirm": may_confirm}
    return render(request, "payments/stray.html", context, status=422 if form.errors else 200)
