"""Goods on the shelves at cost."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.funds import forms, rules
from marketplace.funds.models import (
    Batch,
    Fund,
)
from marketplace.funds.services import goods
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
from timebank.registry.rules import can


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def goods_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List the batches on the shelves; value given goods by their evidence."""
    may = can(request.user, rules.KEEP_FUND, region=fund.region)
    batches = Batch.objects.filter(fund=fund, units_left__gt=0).select_related("stockrecord__product", "partner")
    waiting = Batch.objects.filter(fund=fund, source__in=goods.VALUED, valued_at__isnull=True)
    form = sent(request, "value", forms.ValueForm, batches=waiting.select_related("stockrecord__product"))

    def call(data: dict[str, Any]) -> None:
        goods.value_batch(batch=data["batch"], fen=data["amount"], actor=person(request), reason=data["reason"])

    if write(request, form, call):
        return redirect("funds:goods", fund.pk)
    page = pages(request, batches.order_by("partner__name", "stockrecord__product__title", "use_by", "pk"))
    rows: Rows = [
        (
            [
                item.partner.display_name,
                item.stockrecord.product.get_title(),
                item.donor or item.get_source_display(),
                {"text": f"{item.units_left} / {item.units}", "num": True},
                yuan(item.fen_left),
                item.use_by or "—",
            ],
            [],
        )
        for item in page
    ]
    valuing = FormSection(_("Value goods that came without a price"), form, _("Write down"), "value")
    headers = [_("Supplier"), _("Goods"), _("Given by"), num(_("Left over")), num(_("Value left")), _("Use by")]
    return show(
        request,
        fund=fund,
        title=_("Goods at cost"),
        sections=[Section(_("On the shelves"), headers, rows, empty=_("Nothing yet."), page=page)],
        forms=[valuing] if may and waiting.exists() else [],
    )
