"""What the market needs before a village opens: who keeps the stock, who supplies, what lies on the shelf."""

from __future__ import annotations

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards.rules import KEEP_SUPPLIERS
from timebank.registry.rules import GRANT_ROLE, VIEW_VILLAGE
from timebank.villages.steps import Step, Villages, appoint_at, holders


def _suppliers(villages: Villages) -> dict[int, str]:
    rows = Partner.objects.filter(village__path__in=villages.paths, is_active=True).order_by("pk")
    names: dict[str, list[str]] = {}
    for path, name in rows.values_list("village__path", "name"):
        names.setdefault(path, []).append(name)
    return villages.nearest({path: "、".join(suppliers[:3]) for path, suppliers in names.items()})


def _shelf(villages: Villages) -> dict[int, str]:
    rows = StockRecord.objects.filter(partner__village__path__in=villages.paths, partner__is_active=True).order_by()
    counts = dict(rows.values_list("partner__village__path").annotate(Count("pk")))
    return {
        pk: ngettext("%(n)s reward", "%(n)s rewards", count) % {"n": count}
        for pk, count in villages.nearest(counts).items()
    }


STEPS = [
    Step(
        key="stock_keeper",
        order=70,
        label=_("Stock keeper"),
        text=_("Receives goods and counts them; never the one who verifies hours."),
        action=_("Appoint"),
        href=appoint_at("stock_keeper"),
        actions=(GRANT_ROLE,),
        role="stock_keeper",
        standing=lambda villages: holders(villages, ["stock_keeper"]),
    ),
    Step(
        key="supplier",
        order=80,
        label=_("Supplier"),
        text=_("Who hands over: the village's own, or one of the town that serves every village."),
        action=_("Suppliers"),
        href=lambda village: reverse("desk:suppliers", args=[village.pk]),
        actions=(KEEP_SUPPLIERS,),
        standing=_suppliers,
    ),
    Step(
        key="shelf",
        order=90,
        label=_("Rewards on the shelf"),
        text=_("Goods and services with their price in points."),
        action=_("Shelf"),
        href=lambda village: reverse("desk:shelf", args=[village.pk]),
        actions=(VIEW_VILLAGE,),
        standing=_shelf,
        needed=False,
    ),
]
