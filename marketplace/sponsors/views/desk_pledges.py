"""Pledges at the desk of the village and town."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.funds.rules import KEEP_FUND
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.sponsors import forms, rules
from marketplace.sponsors.models import Pledge
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import papers as paper_services
from marketplace.sponsors.services import pledges as pledge_services
from marketplace.sponsors.views.common import Act, Table, cell, num, opened_to, page_of, person, show
from marketplace.sponsors.views.pledge_parts import (
    agreement_acts,
    agreement_links,
    amount_of,
    came_of,
    delivery_table,
    name_of,
    pledge_badges,
    pledge_facts,
    receipt_table,
)
from timebank.common.input import read_text
from timebank.registry.rules import can

SEES_PLEDGES = (KEEP_FUND, rules.APPROVE_SPONSOR, rules.PUBLISH_NEED)


@opened_to(*SEES_PLEDGES)
def pledges(request: HttpRequest) -> HttpResponse:
    """List what was promised to our funds."""
    state = read_text(request.GET.get("state"))
    page = page_of(request, parties.pledges_at_desk(person(request), state=state))
    rows = [
        (
            cell(item.text, reverse("sponsors:desk_pledge", args=[item.pk])),
            name_of(item),
            str(item.fund),
            num(amount_of(item)),
            num(came_of(item)),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (
        _("What for"),
        _("Sponsor"),
        _("Fund"),
        num(pgettext("gift", "Promised")),
        num(pgettext("gift", "Came")),
        _("State"),
    )
    url = reverse("sponsors:desk_pledges")
    tabs = [{"label": _("All"), "href": url, "active": not state}]
    tabs += [
        {"label": Pledge.State(key).label, "href": f"{url}?state={key}", "active": state == key}
        for key in ("submitted", "approved", "part", "fulfilled")
    ]
    return show(
        request,
        title=_("Pledges"),
        lead=_("What sponsors promise: accepted by the fund keeper; by the town where the sponsor is paid out of it."),
        tables=[Table(_("Pledges"), headers, rows, _("Nothing is promised yet."), page)],
        filters=tabs,
    )


@opened_to(*SEES_PLEDGES)
def pledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept or decline a pledge; its agreement and receipts."""
    user = person(request)
    result = parties.pledge_at_desk(user, pk)
    acts = []
    if result.state == Pledge.State.SUBMITTED and rules.may_decide(user, result):
        for name, title, accept, form in (
            ("accept", _("Accept the pledge"), True, forms.OptionalReasonForm),
            ("decline", _("Decline the pledge"), False, forms.ReasonForm),
        ):
            acts.append(
                Act(
                    name,
                    title,
                    title,
                    lambda form, accept=accept: pledge_services.decide_pledge(
                        pledge=result, actor=user, accept=accept, reason=form.cleaned_data["reason"]
                    ),
                    form,
                    _("Decided."),
                    "primary" if accept else "danger",
                )
            )
    if can(user, KEEP_FUND, region=result.fund.region):
        acts += agreement_acts(result, user, "signed_by_village_id")
        acts += _receipt_acts(result, user)
    counts = any(can(user, action, region=result.fund.region) for action in (KEEP_FUND, RECEIVE_STOCK))
    return show(
        request,
        title=result.text,
        badges=pledge_badges(result),
        facts=pledge_facts(result),
        tables=[receipt_table(result), delivery_table(result, "sponsors:delivery" if counts else "")],
        acts=acts,
        links=agreement_links(result),
        back=(_("Pledges"), reverse("sponsors:desk_pledges")),
    )


def _receipt_acts(row: Pledge, user: Any) -> list[Act]:
    acts = []
    receipts = list(row.receipts.all())
    countered = {receipt.counter_to_id for receipt in receipts}
    for receipt in receipts:
        if receipt.counter_to_id or receipt.pk in countered:
            continue
        if receipt.nature == Pledge.Nature.DONATION and not receipt.official_number:
            acts.append(
                Act(
                    f"official{receipt.pk}",
                    _("Official donation receipt for %(number)s") % {"number": receipt.number},
                    _("Write down"),
                    lambda form, receipt=receipt: paper_services.record_official(
                        receipt=receipt, actor=user, number=form.cleaned_data["number"]
                    ),
                    forms.OfficialForm,
                    _("Written down."),
                )
            )
        acts.append(
            Act(
                f"void{receipt.pk}",
                _("Void %(number)s") % {"number": receipt.number},
                _("Write the counter-receipt"),
                lambda form, receipt=receipt: paper_services.void_receipt(
                    receipt=receipt, actor=user, reason=form.cleaned_data["reason"]
                ),
                forms.ReasonForm,
                _("The counter-receipt is written."),
                "danger",
            )
        )
    return acts
