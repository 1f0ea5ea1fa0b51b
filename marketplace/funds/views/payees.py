"""Whom the fund pays."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import Fund, Payee, PayeeAccount
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import payees
from marketplace.funds.views.common import Button, FormSection, Rows, Section, fund_page, person, sent, show, write
from timebank.common.input import read_id
from timebank.registry.rules import can


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def payee_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List whom the fund pays and whether it may pay today; confirm an account that somebody else entered."""
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    form = sent(request, "payee", forms.PayeeForm)
    made: list[Payee] = []

    def create(data: dict[str, Any]) -> None:
        made.append(
            payees.create_payee(
                region=fund.region,
                name=data["name"],
                kind=data["kind"],
                id_number=data["id_number"],
                actor=person(request),
            )
        )

    if write(request, form, create, _("Written down. Now the account.")):
        return redirect("funds:payee", fund.pk, made[0].pk)
    if request.method == "POST" and not form.is_bound:
        account = get_object_or_404(
            PayeeAccount.objects.select_related("payee__region"),
            pk=read_id(request.POST.get("account"), 0),
            payee__region__path__startswith=fund.region.path,
        )
        payees.confirm_account(account=account, actor=person(request))
        return redirect("funds:payees", fund.pk)
    rows = []
    for payee in selectors.payees_of(fund):
        buttons = []
        if payee.waiting is not None and payee.waiting.entered_by_id != request.user.pk:
            buttons.append(
                Button(_("Confirm …%(last)s") % {"last": payee.waiting.number_last4}, "", {"account": payee.waiting.pk})
            )
        link = (
            reverse("funds:supplier", args=[payee.partner_id])
            if payee.partner_id
            else reverse("funds:payee", args=[fund.pk, payee.pk])
        )
        buttons.append(Button(_("Account"), link, link=True))
        rows.append(([payee.name, payee.account_text, {"badge": payee.state, "tone": payee.tone}], buttons))
    headers = [_("Payee"), _("Account"), _("State")]
    return show(
        request,
        fund=fund,
        title=_("Payees"),
        lead=_(
            "A new account is confirmed by a second person, who has called the payee, and waits three working days."
        ),
        sections=[Section(_("Payees"), headers, rows, empty=_("Nobody is paid yet."))],
        forms=[FormSection(_("A payee who is no supplier"), form, _("Write down"), "payee", "plus")] if may else [],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@fund_page(*rules.INSIDE)
def payee(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Show a payee who is no supplier, with its accounts; enter another account."""
    shown = get_object_or_404(
        Payee.objects.prefetch_related("accounts__entered_by", "accounts__confirmed_by"),
        pk=pk,
        region__path__startswith=fund.region.path,
        partner__isnull=True,
    )
    may = payees.may_enter(person(request), shown)
    form = sent(request, "account", forms.AccountForm)

    def enter(data: dict[str, Any]) -> None:
        payees.enter_account(
            payee=shown,
            holder=data["holder"],
            bank_name=data["bank_name"],
            bank_code=data["bank_code"],
            number=data["number"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, enter, _("Written down. A second person confirms it.")):
        return redirect("funds:payee", fund.pk, pk)
    row = selectors.payee_row(shown)
    accounts: Rows = [
        (
            [
                str(account),
                account.entered_by.name,
                account.confirmed_by.name if account.confirmed_by else "—",
                account.usable_from,
                timezone.localdate(account.ended_at) if account.ended_at else "—",
            ],
            [],
        )
        for account in sorted(shown.accounts.all(), key=lambda item: -item.pk)
    ]
    headers = [_("Account"), _("Entered by"), _("Confirmed by"), _("Usable from"), _("Ended")]
    return show(
        request,
        fund=fund,
        title=shown.name,
        facts=[
            (_("Who is it?"), shown.get_kind_display()),
            *([(_("ID number"), shown.id_number_masked)] if shown.id_number_masked else []),
            (_("Account"), row.account_text),
            (_("State"), row.state),
        ],
        sections=[Section(_("Accounts"), headers, accounts, empty=_("No account yet."))],
        forms=[FormSection(_("Where shall we pay?"), form, _("Write down"), "account", "card")] if may else [],
        back=(reverse("funds:payees", args=[fund.pk]), _("Payees")),
    )
