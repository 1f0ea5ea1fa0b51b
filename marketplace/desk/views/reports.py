"""The statement of the village."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from marketplace.desk.months import FIGURES, behind_figure, sums_of
from marketplace.desk.scope import desk, with_place
from marketplace.desk.statement import statement_of
from marketplace.desk.views.common import as_file, page_of
from timebank.common.input import read_text
from timebank.common.numbers import points_to_decimal
from timebank.registry.rules import AUDIT, REGISTER_RESIDENT, VIEW_VILLAGE, can
from timebank.service.rules import PUBLISH_NOTICE


@require_GET
@desk(VIEW_VILLAGE)
def statement(request: HttpRequest) -> HttpResponseBase:
    """Show every month: minted, redeemed, handed over, expired, outstanding; and whether the ledger agrees."""
    scope = request.scope  # type: ignore[attr-defined]
    made = statement_of(scope)
    headers = (
        _("Month"),
        _("Earned"),
        pgettext("figure", "Redeemed"),
        _("Given back"),
        _("Expired"),
        _("Other"),
        _("Outstanding"),
        _("Handed over"),
        _("Tickets"),
    )
    file = as_file(
        request,
        "statement",
        headers,
        made.months,
        lambda row: (
            f"{row.month:%Y-%m}",
            *(
                points_to_decimal(value)
                for value in (row.minted, row.redeemed, row.refunded, row.expired, row.other, row.closing)
            ),
            points_to_decimal(row.handed_over),
            row.tickets,
        ),
    )
    if file is not None:
        return file
    names = {
        "minted": (_("Minted by the ledger"), _("Credited in the records")),
        "opening": (_("From before, by the ledger"), _("Approved opening lists")),
        "outstanding": (_("In the residents' wallets"), _("Left after all months")),
        "handed_over": (_("Moved to suppliers by the ledger"), _("On the tickets handed over")),
    }
    checks = [(*names[check.name], check) for check in made.checks]
    return render(
        request,
        "desk/statement.html",
        {
            "scope": scope,
            "statement": made,
            "checks": checks,
            "details": any(can(request.user, details, scope.region) for details in DETAILS),
        },
    )


# Names behind the figures: for who verifies, registers or audits, not for everyone who may see the totals.
DETAILS = (PUBLISH_NOTICE, REGISTER_RESIDENT, AUDIT)


@require_GET
@desk(*DETAILS)
def month(request: HttpRequest, year: int, month: int) -> HttpResponseBase:
    """Show what a month's figure is made of, line by line."""
    scope = request.scope  # type: ignore[attr-defined]
    try:
        first = dt.date(year, month, 1)
    except ValueError:
        raise Http404 from None
    which = read_text(request.GET.get("which", "minted"))
    if which not in FIGURES:
        raise Http404
    behind = behind_figure(scope, first, which)
    headers = (_("Day"), _("Name"), _("What"), _("Minutes"), _("Points"))
    file = as_file(
        request,
        f"statement-{year}-{month:02d}-{which}",
        headers,
        behind.all_lines(),
        lambda line: (line.on, line.name, line.what, line.minutes, points_to_decimal(line.points)),
    )
    if file is not None:
        return file
    sums = sums_of(scope, first)
    page = page_of(request, behind.rows, count=sums.counts[which])
    lines = behind.lines(page.object_list)
    url = reverse("desk:month", args=[year, month])
    labels = (
        ("minted", _("Earned")),
        ("redeemed", pgettext("figure", "Redeemed")),
        ("refunded", _("Given back")),
        ("expired", _("Expired")),
        ("other", _("Other")),
        ("handed_over", _("Handed over")),
    )
    tabs = [
        {"label": label, "href": with_place(request, f"{url}?which={name}"), "active": which == name}
        for name, label in labels
    ]
    return render(
        request,
        "desk/month.html",
        {
            "scope": scope,
            "month": first,
            "tabs": tabs,
            "which": which,
            "lines": lines,
            "page": page,
            "total": sums.points[which],
            "computed_at": sums.computed_at,
            # Minutes are known to the records, not to the ledger: they are added up where one page shows them all.
            "minutes": 0 if page.has_other_pages() else sum(line.minutes or 0 for line in lines),
            "has_minutes": any(line.minutes for line in lines),
        },
    )
