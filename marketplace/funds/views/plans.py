"""Budgets of a quarter, and the close of a period."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    Fund,
)
from marketplace.funds.selectors.figures import budgets_of
from marketplace.funds.services import closing, moving
from marketplace.funds.views.common import (
    FormSection,
    Rows,
    Section,
    badge,
    fund_page,
    num,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.registry.rules import can
from timebank.ui.templatetags.ui import day


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def budgets(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show the plan of this and the next quarter beside what was spent."""
    first, last = rules.quarter_of(timezone.localdate())
    following = rules.quarter_of(last + dt.timedelta(days=1))
    form = sent(request, "budget", forms.BudgetForm, quarters=[first, following[0]])

    def call(data: dict[str, Any]) -> None:
        moving.prepare_budget(
            fund=fund,
            quarter=dt.date.fromisoformat(data["quarter"]),
            kind=data["kind"],
            fen=data["amount"],
            note=data["note"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call, _("Prepared. A second person approves it.")):
        return redirect("funds:budgets", fund.pk)
    headers = [_("For what?"), num(_("Planned")), num(_("Spent so far")), num("%"), _("State")]
    sections = []
    for begin, end in ((first, last), following):
        rows: Rows = [
            (
                [
                    budget.budget.get_kind_display(),
                    yuan(budget.budget.fen),
                    yuan(budget.spent),
                    {"text": f"{budget.percent} %", "num": True},
                    badge(budget.budget),
                ],
                [],
            )
            for budget in budgets_of(fund, begin, end)
        ]
        title = _("Quarter from %(day)s") % {"day": day(begin, "date")}
        sections.append(Section(title, headers, rows, empty=_("Nothing planned yet.")))
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Budgets"),
        sections=sections,
        forms=[FormSection(_("Plan"), form, _("Prepare"), "budget", "plus")] if may else [],
    )


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def periods(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """Show what stands against closing the last month, what is closed, and close."""
    today = timezone.localdate()
    month = rules.month_of(today.replace(day=1) - dt.timedelta(days=1))
    quarter = rules.quarter_of(rules.quarter_of(today)[0] - dt.timedelta(days=1))
    choices = [
        (f"month:{month[0]}", day(month[0], "month")),
        (f"quarter:{quarter[0]}", _("Quarter from %(day)s") % {"day": day(quarter[0], "date")}),
    ]
    form = sent(request, "close", forms.PeriodForm, choices=choices)

    def call(data: dict[str, Any]) -> None:
        kind, __, begins = data["month"].partition(":")
        closing.close_period(fund=fund, kind=kind, day=dt.date.fromisoformat(begins), actor=person(request))

    if write(request, form, call, _("Closed.")):
        return redirect("funds:periods", fund.pk)
    result = closing.conditions_of(fund=fund, first_day=month[0], last_day=month[1])
    conditions: Rows = [
        (
            [
                item.label,
                {"badge": _("Yes") if item.holds else str(item.against), "tone": "good" if item.holds else "bad"},
            ],
            [],
        )
        for item in result
    ]
    closed: Rows = [
        (
            [
                close.first_day,
                close.last_day,
                close.get_kind_display(),
                close.closed_by.name,
                timezone.localdate(close.closed_at),
            ],
            [],
        )
        for close in fund.closes.select_related("closed_by").order_by("-last_day", "-pk")[:24]
    ]
    may = can(request.user, rules.CLOSE_PERIOD, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Close of the month"),
        lead=_("A closed month takes nothing any more: later facts are written down today."),
        sections=[
            Section(
                _("Before %(month)s can be closed") % {"month": day(month[0], "month")},
                [_("What"), _("State")],
                conditions,
            ),
            Section(
                pgettext("periods", "Closed"),
                [_("From"), _("Until"), _("Kind"), _("Closed by"), pgettext("date", "On")],
                closed,
                empty=_("Nothing is closed yet."),
            ),
        ],
        forms=[FormSection(_("Close"), form, _("Close the period"), "close", "check")] if may else [],
    )
