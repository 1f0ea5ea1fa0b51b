"""The sponsor's name on pages of other apps: one statement for a page, no name that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _

from marketplace.funds.models import Batch, Commitment, ServiceGift

TEMPLATE = "sponsors/_given_by.html"


def _context(names: Iterable[str]) -> dict[str, Any]:
    shown = list(dict.fromkeys(name for name in names if name))[:3]
    return {"template": TEMPLATE, "text": _("Given by %(names)s") % {"names": "、".join(shown)}}


def of_rewards(request: HttpRequest, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Name who gave what lies on the shelf of these rewards (product ids), or the services left to hand out."""
    keys = list(ids)
    goods = Batch.objects.filter(stockrecord__product__in=keys, units_left__gt=0).exclude(donor="")
    gifts = ServiceGift.objects.filter(stockrecord__product__in=keys, units__gt=F("promised") + F("delivered"))
    columns = ("stockrecord__product_id", "donor")
    result: dict[int, list[str]] = {}
    for product, donor in (
        goods.order_by().values_list(*columns).union(gifts.exclude(donor="").order_by().values_list(*columns))
    ):
        result.setdefault(product, []).append(donor)
    return {product: _context(sorted(names)) for product, names in result.items()}


def of_tickets(request: HttpRequest, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Name who gave what these tickets are for."""
    rows = Commitment.objects.filter(ticket_id__in=list(ids)).exclude(donor="").values_list("ticket_id", "donor")
    return {ticket: _context([donor]) for ticket, donor in rows}
