"""Open a fund with its bank account; the value of a point; what is everybody's right."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import BasicLine, Fund
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import setup
from marketplace.funds.views.common import FormSection, Rows, Section, fund_page, person, sent, show, write, yuan
from timebank.registry.rules import can


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def open_fund(request: HttpRequest) -> HttpResponseBase:
    """Open the fund of a village or town, by those above it; its purposes come next."""
    if not can(request.user, rules.SET_UP_FUND):
        raise Http404
    form = sent(
        request,
        "fund",
        forms.FundForm,
        regions=selectors.regions_without_fund(request.user),
        accounts=selectors.accounts_for(request.user),
    )
    made: list[Fund] = []

    def call(data: dict[str, Any]) -> None:
        made.append(
            setup.open_fund(
                region=data["region"],
                name=data["name"],
                bank_account=data["bank_account"],
                holder=data["holder"],
                bank_name=data["bank_name"],
                number=data["number"],
                point_value_fen=data["point_value"],
                warn_bp=data["warn"] * 100,
                floor_bp=data["floor"] * 100,
                actor=person(request),
            )
        )

    if write(request, form, call, _("The fund is open. Now say what money is given for.")):
        return redirect("funds:purposes", made[0].pk)
    return show(
        request,
        title=_("Open a fund"),
        lead=_("One fund for a village or a town. Its money lies in a bank account, which several funds may share."),
        forms=[FormSection(_("New fund"), form, _("Open the fund"), "fund", "plus")],
        back=(reverse("funds:home"), _("Funds")) if selectors.funds_for(request.user).exists() else None,
        unfolded=True,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@fund_page(*rules.INSIDE)
def terms(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show the account and the terms of a fund; set the value of a point, name what is everybody's right."""
    may = can(request.user, rules.SET_UP_FUND, region=fund.region)
    value = sent(request, "value", forms.PointValueForm)
    basic = sent(request, "basic", forms.BasicForm, products=selectors.products_near(fund))

    def set_value(data: dict[str, Any]) -> None:
        setup.set_point_value(fund=fund, fen=data["amount"], reason=data["reason"], actor=person(request))

    def declare(data: dict[str, Any]) -> None:
        setup.declare_basic(fund=fund, product_id=data["product"].pk, reason=data["reason"], actor=person(request))

    if write(request, value, set_value) or write(request, basic, declare):
        return redirect("funds:terms", fund.pk)
    lines: Rows = [
        ([item.product.get_title(), item.note, item.created_by.name if item.created_by else "—"], [])
        for item in BasicLine.objects.filter(fund=fund).select_related("product__parent", "created_by").order_by("pk")
    ]
    account = fund.bank_account
    return show(
        request,
        fund=fund,
        title=_("Terms of the fund"),
        facts=[
            (_("Bank account"), f"{account} · {account.bank_name}" if account.bank_name else account),
            (_("Value of a point"), yuan(fund.point_value_fen)["text"]),
            (_("Approved by"), fund.value_approved_by or "—"),
            (_("Warn below"), selectors.percent(fund.warn_bp)),
            (_("Floor: below it nothing that costs money is redeemed"), selectors.percent(fund.floor_bp)),
            (_("Opened on"), fund.opened_on),
        ],
        sections=[
            Section(
                _("What is everybody's right"),
                [_("Reward"), _("Why"), _("Declared by")],
                lines,
                empty=_("Nothing yet. A right has no price, no least star and no limit; the floor never stops it."),
            )
        ],
        forms=[
            FormSection(_("Set the value of a point"), value, _("Set the value"), "value", "points"),
            FormSection(_("Name a right"), basic, _("It is everybody's right"), "basic", "shield"),
        ]
        if may
        else [],
    )
