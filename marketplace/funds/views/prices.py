"""What suppliers are paid for one, and services that were given."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    AgreedPrice,
    Fund,
    ServiceGift,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import prices, setup
from marketplace.funds.views.common import (
    FormSection,
    Rows,
    Section,
    badge,
    fund_page,
    num,
    pages,
    person,
    sent,
    show,
    write,
    yuan,
)
from timebank.registry.rules import can


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def agreed(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List what suppliers are paid for a unit; propose a price; write down given services."""
    may = can(request.user, rules.PRICE_SUPPLIER, region=fund.region)
    form = sent(request, "price", forms.PriceForm, fund=fund)
    gift = sent(request, "gift", forms.GiftForm, fund=fund)

    def propose(data: dict[str, Any]) -> None:
        prices.propose_price(
            stockrecord=data["record"],
            fen=data["amount"],
            valid_from=data["valid_from"],
            valid_until=data["valid_until"],
            note_text=data["note"],
            actor=person(request),
            key=data["key"],
        )

    def give(data: dict[str, Any]) -> None:
        setup.give_service(
            fund=fund,
            stockrecord=data["record"],
            units=data["units"],
            donor=data["donor"],
            valid_until=data["valid_until"],
            actor=person(request),
            key=data["key"],
        )

    if write(request, form, propose, _("Prepared. A second person approves it.")) or write(request, gift, give):
        return redirect("funds:prices", fund.pk)
    waiting = selectors.unpriced_of(fund)
    unpriced: Rows = [([item.partner, item.title, {"text": str(item.times), "num": True}], []) for item in waiting]
    page = pages(request, selectors.prices_of(fund))
    rows = [(_price_cells(item), []) for item in page]
    headers = [_("Supplier"), _("Reward"), num(_("Agreed price")), _("From"), _("Until"), _("State")]
    gifts: Rows = [
        (
            [
                service_gift.donor,
                f"{service_gift.stockrecord.partner.display_name} · {service_gift.stockrecord.product.get_title()}",
                {"text": f"{service_gift.left} / {service_gift.units}", "num": True},
            ],
            [],
        )
        for service_gift in ServiceGift.objects.filter(fund=fund).select_related(
            "stockrecord__partner", "stockrecord__product"
        )
    ]
    sections = [
        Section(_("Agreed prices"), headers, rows, empty=_("No price yet."), page=page),
        Section(_("Given services"), [_("Given by"), _("Service"), num(_("Left over"))], gifts, empty=_("None.")),
    ]
    if unpriced:
        first = [_("Supplier"), _("Reward"), num(_("Hand-overs"))]
        sections.insert(0, Section(_("Handed over without a price"), first, unpriced))
    return show(
        request,
        fund=fund,
        title=_("Agreed prices"),
        lead=_("What the fund pays a supplier for one. Two persons agree; a price of a past day never changes."),
        sections=sections,
        forms=[
            FormSection(_("Propose a price"), form, _("Propose"), "price", "plus"),
            FormSection(_("A service was given"), gift, _("Write down"), "gift", "gift"),
        ]
        if may
        else [],
    )


def _price_cells(agreed_price: AgreedPrice) -> list[Any]:
    record = agreed_price.stockrecord
    until = agreed_price.valid_until or "—"
    return [
        record.partner.display_name,
        record.product.get_title(),
        yuan(agreed_price.fen),
        agreed_price.valid_from,
        until,
        badge(agreed_price),
    ]
