"""What a second person decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from marketplace.funds import rules
from marketplace.funds.models import (
    AgreedPrice,
    Allocation,
    BankLine,
    Budget,
    Expense,
    Fund,
    PurposeChange,
    SuspenseMove,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import moving, payouts, prices, statements
from marketplace.funds.views.common import (
    answer_refusal,
    fund_page,
    person,
    show,
    yuan,
)
from timebank.common.errors import DomainError
from timebank.common.input import read_text


@require_safe
@fund_page(rules.APPROVE_PAYMENT)
def approvals(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List everything that somebody prepared and another person decides."""
    rows = selectors.to_decide(fund)
    return show(
        request,
        fund=fund,
        title=_("To approve"),
        lead=_("What you prepared yourself, somebody else decides."),
        template="funds/approvals.html",
        rows=[(row, yuan(row.fen)["text"], row.prepared_by.pk == request.user.pk) for row in rows],
    )


#: What of the address → the table, how to find its fund's rows, what decides.
DECIDED: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "price": (AgreedPrice, "stockrecord__partner__village__path__startswith", prices.decide_price, "price"),
    "change": (PurposeChange, "purpose__fund", moving.decide_purpose_change, "change"),
    "allocation": (Allocation, "source", moving.decide_allocation, "allocation"),
    "budget": (Budget, "fund", moving.decide_budget, "budget"),
    "line": (BankLine, "fund", moving.decide_line, "line"),
    "move": (SuspenseMove, "line__fund", moving.decide_explanation, "move"),
    "expense": (Expense, "fund", moving.decide_expense, "expense"),
}


@require_POST
@fund_page(rules.APPROVE_PAYMENT)
def decide(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Approve or decline what somebody else prepared."""
    kind, __, pk = read_text(request.POST.get("what")).partition(":")
    approve = request.POST.get("decision") == "approve"
    number = selectors.number(pk)
    back = reverse("funds:approvals", args=[fund.pk])
    try:
        if kind == "payout":
            payout = get_object_or_404(selectors.payouts_of(fund), pk=number)
            if approve:
                payouts.approve_payout(payout=payout, actor=person(request))
            else:
                payouts.fail_payout(payout=payout, actor=person(request), reason=read_text(request.POST.get("reason")))
        elif kind == "statement":
            statement = get_object_or_404(selectors.statements_of(fund), pk=number)
            if not approve:
                return redirect("funds:statement", number)
            statements.approve_statement(statement=statement, actor=person(request))
        elif kind in DECIDED:
            model, where, call, name = DECIDED[kind]
            value = fund.region.path if where.endswith("startswith") else fund
            row = get_object_or_404(model, **{"pk": number, where: value})
            more = {"related_party": request.POST.get("related") == "1"} if kind == "expense" else {}
            reason = read_text(request.POST.get("reason"))
            call(**{name: row}, actor=person(request), approve=approve, reason=reason, **more)
        else:
            raise Http404
    except DomainError as error:
        return answer_refusal(request, error, back)
    messages.success(request, _("Approved.") if approve else _("Declined."))
    return redirect(back)
