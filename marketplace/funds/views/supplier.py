"""The supplier's own page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.funds import forms, rules
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors import supplier as supplier_selectors
from marketplace.funds.services import payees
from marketplace.funds.views.common import (
    FormSection,
    Rows,
    Section,
    answer_refusal,
    badge,
    num,
    pages,
    period,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.common.errors import DomainError
from timebank.common.input import read_text
from timebank.registry.requests import SignedInRequest
from timebank.ui.templatetags.ui import day


@login_required
@require_safe
def suppliers(request: SignedInRequest) -> HttpResponseBase:
    """Lead to the supplier whose settlement one sees, or list them; who sees none gets 404."""
    result = list(supplier_selectors.partners_for(request.user)[:200])
    if not result:
        raise Http404
    if len(result) == 1:
        return redirect("funds:supplier", result[0].pk)
    rows: Rows = [
        ([{"text": item.display_name, "href": reverse("funds:supplier", args=[item.pk])}, str(item.village)], [])
        for item in result
    ]
    return show(request, title=_("Settlement"), sections=[Section(_("Suppliers"), [_("Supplier"), _("Village")], rows)])


@login_required
@require_http_methods(["GET", "POST"])
def supplier(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Show a supplier what each ticket brought, its statements, and where it is paid."""
    partner = supplier_selectors.partners_for(request.user).filter(pk=pk).first()
    if partner is None:
        raise Http404
    month = supplier_selectors.month_named(read_text(request.GET.get("month")))
    payee = payees.payee_of(partner=partner)
    form = sent(request, "account", forms.AccountForm)

    def enter(data: dict[str, Any]) -> None:
        payees.enter_account(
            payee=payee,
            holder=data["holder"],
            bank_name=data["bank_name"],
            bank_code=data["bank_code"],
            number=data["number"],
            actor=person(request),
            key=data["key"],
        )

    try:
        if write(request, form, enter, _("Written down. A second person confirms it.")):
            return redirect("funds:supplier", pk)
    except DomainError as error:
        return answer_refusal(request, error, reverse("funds:supplier", args=[pk]))
    first, last = rules.month_of(month)
    draws = supplier_selectors.draws_of(partner, first, last)
    page = pages(request, draws)
    rows: Rows = [
        ([item.handed_on, item.commitment.product.get_title(), item.quantity, yuan(item.fen), badge(item)], [])
        for item in page
    ]
    papers: Rows = [
        (
            [
                {"text": period(item.first_day, item.last_day), "href": reverse("funds:statement", args=[item.pk])},
                yuan(item.fen),
                badge(item),
            ],
            [],
        )
        for item in partner.statements.order_by("-last_day", "-number")[:24]
    ]
    row = selectors.payee_row(payee)
    total = supplier_selectors.total_of(draws)
    return show(
        request,
        title=partner.display_name,
        lead=_("What each ticket brought, and when it is paid."),
        facts=[
            (_("Month"), day(first, "month")),
            (_("Handed over"), yuan(total)["text"]),
            (_("Paid into"), row.account_text),
            (_("Account"), row.state),
        ],
        months=[
            (text, day(supplier_selectors.month_named(text), "month"))
            for text in supplier_selectors.months_before(first, 6)
        ],
        sections=[
            Section(
                _("Tickets of the month"),
                [_("Day"), _("Reward"), num(_("Quantity")), num(_("Amount")), _("State")],
                rows,
                empty=_("Nothing was handed over in this month."),
                page=page,
            ),
            Section(_("Statements"), [_("Period"), num(_("Amount")), _("State")], papers, empty=_("No statement yet.")),
        ],
        forms=[FormSection(_("Where shall we pay?"), form, _("Write down"), "account", "card")]
        if payees.may_enter(person(request), payee)
        else [],
    )
