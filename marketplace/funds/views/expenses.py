"""Bills of projects, and money for other funds."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    Expense,
    Fund,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import moving, payees, payouts
from marketplace.funds.views.common import (
    Button,
    FormSection,
    Rows,
    Section,
    badge,
    fund_page,
    kept_file,
    num,
    pages,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.registry.rules import can


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def expenses(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List bills of projects and what was given to other funds; prepare one."""
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    form = sent(request, "expense", forms.ExpenseForm, fund=fund)
    give = sent(request, "allocation", forms.AllocationForm, fund=fund)

    def spend(data: dict[str, Any]) -> None:
        payee = selectors.payee_named(fund, data["payee"]) or payees.create_payee(
            region=fund.region, name=data["payee"], actor=person(request)
        )
        moving.prepare_expense(
            fund=fund,
            payee=payee,
            purpose=data["purpose"],
            kind=data["kind"],
            fen=data["amount"],
            text=data["text"],
            voucher_number=data["voucher_number"],
            voucher=kept_file(request, data),
            actor=person(request),
            key=data["key"],
        )

    def allocate(data: dict[str, Any]) -> None:
        moving.prepare_allocation(
            source=fund,
            target=data["target"],
            purpose=data["purpose"],
            fen=data["amount"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    done = _("Prepared. A second person approves it.")
    if write(request, form, spend, done) or write(request, give, allocate, done):
        return redirect("funds:expenses", fund.pk)
    page = pages(request, Expense.objects.filter(fund=fund).select_related("payee", "purpose", "voucher"))
    rows = []
    for item in page:
        buttons = []
        if may and item.state == "approved" and item.paid_at is None:
            buttons.append(Button(_("Pay"), reverse("funds:pay_expense", args=[fund.pk, item.pk])))
        if item.voucher is not None:
            buttons.append(
                Button(_("Invoice"), reverse("funds:attachment", args=[fund.pk, item.voucher.pk]), link=True)
            )
        state = {"badge": _("Paid"), "tone": "good"} if item.paid_at else badge(item)
        rows.append(([item.payee, item.text, str(item.purpose or _("Free money")), yuan(item.fen), state], buttons))
    moved: Rows = [
        (
            [
                str(allocation.source),
                str(allocation.target),
                str(allocation.purpose or _("Free money")),
                yuan(allocation.fen),
                badge(allocation),
            ],
            [],
        )
        for allocation in selectors.allocations_of(fund)
    ]
    headers = [_("Payee"), _("For what?"), _("Purpose"), num(_("Amount")), _("State")]
    return show(
        request,
        fund=fund,
        title=_("Expenses"),
        sections=[
            Section(_("Expenses"), headers, rows, empty=_("No expense yet."), page=page),
            Section(
                _("Between funds"),
                [_("From"), _("To"), _("Purpose"), num(_("Amount")), _("State")],
                moved,
                empty=_("Nothing was moved."),
            ),
        ],
        forms=[
            FormSection(_("A bill came"), form, _("Prepare"), "expense", "plus"),
            FormSection(_("Give to another fund"), give, _("Prepare"), "allocation", "arrow-right"),
        ]
        if may
        else [],
    )


@require_POST
@fund_page(rules.KEEP_FUND)
def pay_expense(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Prepare the payout of an approved expense."""
    expense = get_object_or_404(Expense, pk=pk, fund=fund)
    payouts.prepare_expense_payout(expense=expense, actor=person(request))
    messages.success(request, _("Prepared. A second person approves it."))
    return redirect("funds:payouts", fund.pk)


@require_safe
@fund_page(*rules.INSIDE)
def attachment(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Hand an invoice out to who sees the fund it belongs to."""
    kept = selectors.attachment_of(fund, pk)
    if kept is None:
        raise Http404
    answer = HttpResponse(bytes(kept.data), content_type=kept.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{pk}.{kept.content_type.rpartition("/")[2]}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
