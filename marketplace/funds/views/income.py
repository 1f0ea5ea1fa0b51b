"""Income that is no gift, and unknown money."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    BankLine,
    Fund,
)
from marketplace.funds.services import moving
from marketplace.funds.views.common import (
    FormSection,
    Rows,
    Section,
    badge,
    fund_page,
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
def lines(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List collective income, grants, fees and unknown money; write a line down, explain an unknown one."""
    may = can(request.user, rules.RECORD_BANK, region=fund.region)
    form = sent(request, "line", forms.LineForm, fund=fund)
    explain = sent(request, "explain", forms.ExplainForm, fund=fund)

    def record(data: dict[str, Any]) -> None:
        moving.record_line(
            kind=data["kind"],
            fen=data["amount"],
            booked_on=data["booked_on"],
            fund=fund,
            bank_account=None if data["cash"] else fund.bank_account,
            partner=data["partner"],
            reference=data["reference"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    def say(data: dict[str, Any]) -> None:
        moving.prepare_explanation(
            line=data["line"],
            fen=data["amount"],
            fund=fund if data["ours"] == "fund" else None,
            purpose=data["purpose"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    done = _("Prepared. A second person approves it.")
    if write(request, form, record, done) or write(request, explain, say, done):
        return redirect("funds:lines", fund.pk)
    page = pages(request, BankLine.objects.filter(fund=fund).select_related("bank_account", "partner"))
    rows: Rows = [
        (
            [
                item.booked_on,
                item.get_kind_display(),
                yuan(item.fen),
                item.bank_account or _("Cash"),
                item.partner.display_name if item.partner else item.note,
                badge(item),
            ],
            [],
        )
        for item in page
    ]
    headers = [_("Day"), _("What"), num(_("Amount")), _("Where"), _("Note"), _("State")]
    unknown = BankLine.objects.filter(fund=fund, kind="unknown", state="approved").exists()
    offered = [FormSection(_("Write a line down"), form, _("Prepare"), "line", "plus")]
    if unknown:
        offered.append(FormSection(_("Explain unknown money"), explain, _("Prepare"), "explain", "help"))
    return show(
        request,
        fund=fund,
        title=_("Income and bank"),
        lead=_("Collective income, grants, interest, fees: what is no gift. Gifts are received under payments."),
        sections=[Section(_("Lines"), headers, rows, empty=_("No line yet."), page=page)],
        forms=offered if may else [],
    )
