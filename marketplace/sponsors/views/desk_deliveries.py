"""Deliveries: counted by the stock keeper, valued by the fund keeper."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.funds.rules import KEEP_FUND
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.sponsors import forms
from marketplace.sponsors.models import Delivery
from marketplace.sponsors.selectors import parties
from marketplace.sponsors.services import deliveries as delivery_services
from marketplace.sponsors.views.common import Act, Table, cell, num, opened_to, page_of, person, show
from marketplace.sponsors.views.pledge_parts import (
    name_of,
)
from timebank.common.input import read_text
from timebank.common.numbers import format_money
from timebank.registry.rules import can
from timebank.ui.templatetags.ui import day


@opened_to(KEEP_FUND, RECEIVE_STOCK)
def deliveries(request: HttpRequest) -> HttpResponse:
    """List what comes, what is to be counted and what is to be valued."""
    state = read_text(request.GET.get("state"))
    page = page_of(request, parties.deliveries_at_desk(person(request), state=state))
    rows = [
        (
            cell(item.pledge.text, reverse("sponsors:delivery", args=[item.pk])),
            name_of(item.pledge),
            day(item.expected_on, "date"),
            num(item.units),
            num(item.counted_units if item.counted_units is not None else "—"),
            item.get_state_display(),
        )
        for item in page
    ]
    headers = (
        _("What for"),
        _("Sponsor"),
        _("Expected on"),
        num(_("Units")),
        num(pgettext("gift", "Counted")),
        _("State"),
    )
    url = reverse("sponsors:deliveries")
    tabs = [{"label": _("All"), "href": url, "active": not state}]
    tabs += [
        {"label": label, "href": f"{url}?state={key}", "active": state == key}
        for key, label in (("announced", _("To count")), ("counted", _("To value")), ("valued", _("Valued")))
    ]
    return show(
        request,
        title=_("Deliveries"),
        lead=_("The stock keeper counts what came; the fund keeper says what it is worth."),
        tables=[Table(_("Deliveries"), headers, rows, _("Nothing is announced."), page)],
        filters=tabs,
    )


@opened_to(KEEP_FUND, RECEIVE_STOCK)
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Count or value a delivery."""
    user = person(request)
    result = parties.delivery_at_desk(user, pk)
    acts = []
    if result.state == Delivery.State.ANNOUNCED:
        shelves = parties.shelves_for(result.pledge, user)
        if shelves.exists():
            acts.append(_count_act(result, shelves, user))
    elif result.state == Delivery.State.COUNTED and can(user, KEEP_FUND, region=result.pledge.fund.region):
        acts.append(_value_act(result, user))
    if request.method == "POST" and not acts:
        raise PermissionDenied
    facts = [
        (_("Sponsor"), name_of(result.pledge)),
        (_("Kind"), result.pledge.get_kind_display()),
        (_("Units announced"), result.units),
        (_("Expected on"), day(result.expected_on, "date")),
    ]
    if result.counted_units is not None:
        facts += [(_("Units counted"), result.counted_units), (_("Counted by"), str(result.counted_by))]
    if result.valued_at:
        facts += [
            (pgettext("gift", "Evidence"), result.get_evidence_display()),
            (_("Value"), format_money(result.value_fen)),
        ]
        facts.append((pgettext("gift", "Number"), result.evidence_text or "—"))
    return show(
        request,
        title=result.pledge.text,
        badges=[(result.get_state_display(), result.tone)],
        facts=facts,
        acts=acts,
        back=(_("Deliveries"), reverse("sponsors:deliveries")),
    )


def _count_act(row: Delivery, shelves: Any, user: Any) -> Act:
    def run(form: Any) -> Delivery:
        return delivery_services.count_delivery(
            delivery=row,
            units=form.cleaned_data["units"],
            stockrecord=form.cleaned_data["stockrecord"],
            use_by=form.cleaned_data["use_by"],
            actor=user,
        )

    return Act(
        "count",
        _("Count what came"),
        _("Write down the count"),
        run,
        lambda *args, **kwargs: forms.CountForm(*args, shelves=shelves, **kwargs),
        _("Counted. The fund keeper values it now."),
        "primary",
        initial={"stockrecord": row.pledge.stockrecord_id},
    )


def _value_act(row: Delivery, user: Any) -> Act:
    def run(form: Any) -> Delivery:
        data, upload = form.cleaned_data, form.cleaned_data["file"]
        return delivery_services.value_delivery(
            delivery=row,
            actor=user,
            evidence=data["evidence"],
            value_fen=data["value"],
            evidence_text=data["evidence_text"],
            file_name=upload.name if upload else "",
            file_data=upload.read(2 * 1024 * 1024 + 1) if upload else b"",
        )

    return Act(
        "value",
        _("Say what it is worth"),
        _("Write down the value"),
        run,
        forms.ValueForm,
        _("Valued. The receipt is written."),
        "primary",
        text=_("By an invoice or two quotes. Without evidence it counts no money."),
        has_file=True,
    )
