"""The funds that one sees, and the fund keeper's home: cover, and what waits for somebody."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from marketplace.funds import rules
from marketplace.funds.models import (
    Fund,
)
from marketplace.funds.navigation import sees_inside
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors.coverage import history, latest
from marketplace.funds.selectors.figures import standing_of
from marketplace.funds.services.cover import take_snapshot
from marketplace.funds.views.common import Button, Rows, Section, fund_page, num, show, yuan
from timebank.registry.rules import can


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """Lead to the fund that one sees, or list them; who sees none gets 404."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('registry:sign_in')}?next={request.path}")
    funds = list(selectors.funds_for(request.user))
    may_open = selectors.may_open(request.user)
    if not funds and not may_open and not sees_inside(request):
        raise Http404
    if len(funds) == 1 and not may_open:
        return redirect("funds:fund", funds[0].pk)
    rows: Rows = [
        (
            [
                {"text": str(row), "href": reverse("funds:fund", args=[row.pk])},
                str(row.region),
                *selectors.cover_cell(row),
            ],
            [],
        )
        for row in funds
    ]
    headers = [_("Fund"), _("Village"), num(_("Cover"))]
    return show(
        request,
        title=_("Funds"),
        lead=_("The money behind the points of your villages."),
        buttons=[Button(_("Open a fund"), reverse("funds:open"), kind="primary", link=True)] if may_open else [],
        sections=[Section(_("Funds"), headers, rows, empty=_("No village here has a fund yet."))],
    )


@require_safe
@fund_page(*rules.INSIDE)
def fund(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show how far the fund covers its points, and what waits for somebody."""
    standing = standing_of(fund)
    snapshots = history(fund)
    return render(
        request,
        "funds/fund.html",
        {
            "fund": fund,
            "keeps": can(request.user, rules.KEEP_FUND, region=fund.region),
            "snapshot": snapshots[-1] if snapshots else latest(fund),
            "chart": selectors.chart_of(snapshots, fund),
            "inbox": selectors.inbox_of(fund, request.user, -standing["shortfall"]),
            "facts": [
                (_("Free money"), yuan(standing["free"])["text"]),
                (_("Earmarked"), yuan(standing["earmarked"])["text"]),
                (_("Owed to suppliers"), yuan(standing["payable"])["text"]),
                (_("The fund lacks"), yuan(-standing["shortfall"])["text"]),
            ],
        },
    )


@require_POST
@fund_page(rules.KEEP_FUND)
def refresh(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Compute the cover now."""
    take_snapshot(fund=fund)
    return redirect("funds:fund", fund.pk)
