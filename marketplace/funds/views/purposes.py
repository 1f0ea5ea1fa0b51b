"""What money was given for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    Fund,
    Purpose,
)
from marketplace.funds.selectors.figures import purposes_of
from marketplace.funds.services import moving, setup
from marketplace.funds.views.common import (
    Button,
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


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def purposes(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List what money was given for, and open a new purpose."""
    form = sent(request, "purpose", forms.PurposeForm, fund=fund)

    def call(data: dict[str, Any]) -> None:
        setup.open_purpose(
            fund=fund,
            name=data["name"],
            donor=data["donor"],
            products=[item.pk for item in data["products"]],
            min_age=data["min_age"],
            closes_on=data["closes_on"],
            pays_tickets=data["pays_tickets"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call):
        return redirect("funds:purposes", fund.pk)
    rows: Rows = []
    for row in purposes_of(fund):
        link = {"text": str(row.purpose), "href": reverse("funds:purpose", args=[fund.pk, row.purpose.pk])}
        state = {"badge": row.purpose.get_state_display(), "tone": "good" if row.left else "quiet"}
        rows.append(([link, row.purpose.donor, yuan(row.given), yuan(row.paid + row.spent), yuan(row.left), state], []))
    headers = [_("Purpose"), _("Given by"), num(_("Given")), num(_("Used")), num(_("Left over")), _("State")]
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    return show(
        request,
        fund=fund,
        title=_("Purposes"),
        lead=_("Money that a donor bound to something is used for nothing else."),
        sections=[Section(_("Purposes"), headers, rows, empty=_("No purpose yet."))],
        forms=[FormSection(_("New purpose"), form, _("Open the purpose"), "purpose", "plus")] if may else [],
    )


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def purpose(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Show a purpose; prepare to move what is left, or close it."""
    result = get_object_or_404(Purpose.objects.select_related("fund__region"), pk=pk, fund=fund)
    view = next(row for row in purposes_of(fund) if row.purpose.pk == pk)
    form = sent(request, "change", forms.PurposeChangeForm, purpose=result)

    def call(data: dict[str, Any]) -> None:
        moving.prepare_purpose_change(
            purpose=result,
            to=data["to"],
            fen=data["amount"],
            consent=data["consent"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, call, _("Prepared. A second person approves it.")):
        return redirect("funds:purpose", fund.pk, pk)
    if request.method == "POST" and "close" in request.POST:
        setup.close_purpose(purpose=result, actor=person(request), reason="")
        return redirect("funds:purposes", fund.pk)
    facts = [
        (_("Given by"), result.donor or "—"),
        (_("Given"), yuan(view.given)["text"]),
        (_("Used"), yuan(view.paid + view.spent)["text"]),
        (_("Left over"), yuan(view.left)["text"]),
        (_("Last day"), result.closes_on or "—"),
        (_("Only from this age"), result.min_age or "—"),
    ]
    rows: Rows = [
        ([str(change.to or _("Free money")), yuan(change.fen), change.consent, badge(change)], [])
        for change in result.changes.select_related("to").order_by("-pk")
    ]
    headers = [_("New purpose"), num(_("Amount")), _("Consent of the donor"), _("State")]
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    close = (
        [Button(_("Close this purpose"), "", {"close": "1"})]
        if may and not view.left and result.state != "closed"
        else []
    )
    return show(
        request,
        fund=fund,
        title=str(result),
        facts=facts,
        buttons=close,
        sections=[Section(_("Changes of purpose"), headers, rows, empty=_("Never changed."))],
        forms=[FormSection(_("Move what is left"), form, _("Prepare"), "change")] if may and view.left else [],
        back=(reverse("funds:purposes", args=[fund.pk]), _("Purposes")),
    )
