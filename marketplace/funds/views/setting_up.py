"""Open a fund with its bank account; the value of a point; what is everybody's right."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import BasicLine, Fund
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import setup
from marketplace.funds.services import terms as service
from marketplace.funds.views.common import (
    FormSection,
    Rows,
    Section,
    fund_page,
    num,
    pages,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.common.numbers import points_to_decimal
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
    """Show the account and the terms of a fund; change them, name or end what is everybody's right."""
    may = can(request.user, rules.SET_UP_FUND, region=fund.region)
    form = sent(request, "terms", forms.TermsForm, initial=_now(fund))
    basic = sent(request, "basic", forms.BasicForm, products=selectors.products_near(fund))
    lines = BasicLine.objects.filter(fund=fund).select_related("product__parent", "created_by", "ended_by")
    end = sent(request, "end", forms.EndBasicForm, lines=lines.filter(ends_on__isnull=True))

    def change(data: dict[str, Any]) -> None:
        service.change_terms(
            fund=fund,
            point_value_fen=data["amount"],
            warn_bp=data["warn"] * 100,
            floor_bp=data["floor"] * 100,
            since=data["since"],
            reason=data["reason"],
            key=data["key"],
            actor=person(request),
        )

    def declare(data: dict[str, Any]) -> None:
        service.declare_basic(fund=fund, product_id=data["product"].pk, reason=data["reason"], actor=person(request))

    def finish(data: dict[str, Any]) -> None:
        service.end_basic(line=data["line"], since=data["since"], reason=data["reason"], actor=person(request))

    if write(request, form, change) or write(request, basic, declare) or write(request, end, finish):
        return redirect("funds:terms", fund.pk)
    account = fund.bank_account
    offered = [
        FormSection(_("Change the terms"), form, _("Change"), "terms", "edit"),
        FormSection(_("Name a right"), basic, _("It is everybody's right"), "basic", "shield"),
    ]
    if end.is_bound or lines.filter(ends_on__isnull=True).exists():
        offered.append(FormSection(_("End a right"), end, _("End it"), "end", "cross"))
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
        sections=[_rights(lines), _history(request, fund)],
        forms=offered if may else [],
    )


def _now(fund: Fund) -> dict[str, Any]:
    """Return the terms in force, as the form shows them."""
    return {
        "amount": points_to_decimal(fund.point_value_fen),
        "warn": fund.warn_bp // 100,
        "floor": fund.floor_bp // 100,
        "since": timezone.localdate(),
    }


def _rights(lines: QuerySet[BasicLine]) -> Section:
    rows: Rows = [
        (
            [
                line.product.get_title(),
                line.note,
                line.created_by.name,
                _("from %(day)s no right any more: %(reason)s (%(who)s)")
                % {"day": line.ends_on, "reason": line.end_reason, "who": line.ended_by.name}
                if line.ended_by
                else "—",
            ],
            [],
        )
        for line in lines.order_by("pk")
    ]
    return Section(
        _("What is everybody's right"),
        [_("Reward"), _("Why"), _("Declared by"), _("Ended")],
        rows,
        empty=_("Nothing yet. A right has no price, no least star and no limit; the floor never stops it."),
    )


def _history(request: HttpRequest, fund: Fund) -> Section:
    """List what was decided before, and what is decided for a later day."""
    page = pages(request, fund.terms.select_related("decided_by").order_by("-since", "-pk"))
    rows: Rows = [
        (
            [
                terms.since,
                yuan(terms.point_value_fen),
                {"text": selectors.percent(terms.warn_bp), "num": True},
                {"text": selectors.percent(terms.floor_bp), "num": True},
                terms.reason,
                terms.decided_by.name,
            ],
            [],
        )
        for terms in page
    ]
    headers = [
        pgettext("day", "From"),
        num(_("Value of a point")),
        num(_("Warn below")),
        num(_("Floor")),
        _("Reason"),
        _("Decided by"),
    ]
    return Section(_("History of the terms"), headers, rows, empty=_("Nothing was changed yet."), page=page)
