"""A past quarter of a place under another scheme or price list, before anybody decides."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from marketplace.desk.forms import WhatIfForm
from marketplace.desk.scope import addressed
from marketplace.desk.views.prices import place_of
from marketplace.rewards.rules import PRICE_REWARD
from marketplace.rewards.selectors.what_if import PersonNet, what_if
from marketplace.rewards.services import goods_lists
from timebank.common.sheets.errors import SheetError
from timebank.policy.models import SchemeVersion
from timebank.registry.models import Resident
from timebank.registry.rules import can
from timebank.service.selectors.adoptions import versions_seen

MOST_SHOWN = 20


def last_quarter(today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of the quarter before this one."""
    last = dt.date(today.year, (today.month - 1) // 3 * 3 + 1, 1) - dt.timedelta(days=1)
    return dt.date(last.year, last.month - 2, 1), last


@addressed
@require_http_methods(["GET", "POST"])
def try_out(request: HttpRequest, place: int) -> HttpResponse:
    """Reckon a past period again; nothing is written."""
    region = place_of(request, place)
    if not can(request.user, PRICE_REWARD, region):
        raise PermissionDenied
    versions = versions_seen(request.user).exclude(status=SchemeVersion.Status.DISCARDED)
    versions = versions.order_by("scheme__name", "-number")
    first, last = last_quarter(timezone.localdate())
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = WhatIfForm(*sent, versions=versions, initial={"first": first, "last": last})
    context: dict[str, Any] = {"region": region, "form": form}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        prices: dict[int, int] = {}
        try:
            if data["file"]:
                lines = goods_lists.read_goods(data["file"])
                prices, context["refused"] = goods_lists.prices_in(region=region, lines=lines)
        except SheetError as error:
            form.add_error("file", str(error))
        else:
            result = what_if(region, data["first"], data["last"], version=data["version"], prices=prices)
            context |= {"result": result, "priced": len(prices), **_named(result.gains, result.loses)}
    return render(request, "desk/what_if.html", context, status=form.status if form.errors else 200)


def _named(gains: list[PersonNet], loses: list[PersonNet]) -> dict[str, Any]:
    """Return those who gain and lose most, by name; of the others only how many."""
    shown = [*gains[:MOST_SHOWN], *loses[:MOST_SHOWN]]
    names = dict(Resident.objects.filter(pk__in=[row.person for row in shown]).values_list("pk", "name"))
    return {
        "gains": [(names.get(row.person, ""), row) for row in gains[:MOST_SHOWN]],
        "loses": [(names.get(row.person, ""), row) for row in loses[:MOST_SHOWN]],
        "gaining": len(gains),
        "losing": len(loses),
    }
