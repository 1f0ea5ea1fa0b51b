"""What the market needs before a village opens: who keeps the stock, who supplies, what lies on the shelf."""

from __future__ import annotations

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Decision
from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards.models import OpeningCount
from marketplace.rewards.rules import ADJUST_STOCK, CONFIRM_COUNT, KEEP_SUPPLIERS, LIST_REWARD, PRICE_REWARD
from timebank.registry.rules import GRANT_ROLE
from timebank.villages.steps import Step, Villages, appoint_at, holders


def _suppliers(villages: Villages) -> dict[int, str]:
    rows = Partner.objects.filter(villages.inside_or_above("village"), is_active=True).order_by("pk")
    names: dict[str, list[str]] = {}
    for path, name in rows.values_list("village__path", "name"):
        names.setdefault(path, []).append(name)
    return villages.nearest({path: "、".join(suppliers[:3]) for path, suppliers in names.items()})


def _shelf(villages: Villages) -> dict[int, str]:
    rows = StockRecord.objects.filter(villages.inside_or_above("partner__village"), partner__is_active=True).order_by()
    counts = dict(rows.values_list("partner__village__path").annotate(Count("pk")))
    return {
        pk: ngettext("%(n)s reward", "%(n)s rewards", count) % {"n": count}
        for pk, count in villages.nearest(counts).items()
    }


def _prices(villages: Villages) -> dict[int, str]:
    rows = StockRecord.objects.filter(villages.inside_or_above("partner__village"), partner__is_active=True).order_by()
    priced = Count("pk", filter=Q(price__isnull=False))
    counts = {
        path: (some, many)
        for path, some, many in rows.values_list("partner__village__path").annotate(some=priced, many=Count("pk"))
        if some
    }
    return {
        pk: gettext("%(some)s of %(many)s priced") % {"some": some, "many": many}
        for pk, (some, many) in villages.nearest(counts).items()
    }


def _opening_counts(villages: Villages) -> dict[int, str]:
    rows = OpeningCount.objects.filter(villages.inside("partner__village")).exclude(state=Decision.DECLINED)
    words: dict[int, str] = {}
    for pk, state, count in rows.order_by("state").values_list("partner__village", "state").annotate(Count("pk")):
        confirmed = state == Decision.APPROVED
        text = (
            ngettext("%(n)s count confirmed", "%(n)s counts confirmed", count)
            if confirmed
            else ngettext("%(n)s count waits for a second person", "%(n)s counts wait for a second person", count)
        )
        words[pk] = " · ".join(filter(None, [words.get(pk, ""), text % {"n": count}]))
    return words


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
        text=_("Goods and services, from a template: what others published, or the shelf of a village nearby."),
        action=_("Fill the shelf"),
        href=lambda village: reverse("desk:shelf_fill", args=[village.pk]),
        actions=(LIST_REWARD,),
        standing=_shelf,
        needed=False,
    ),
    Step(
        key="prices",
        order=91,
        label=_("Prices in points"),
        text=_("What has no price yet can't be redeemed."),
        action=_("Decide prices"),
        href=lambda village: reverse("desk:shelf_prices", args=[village.pk]),
        actions=(PRICE_REWARD,),
        standing=_prices,
        needed=False,
    ),
    Step(
        key="opening_stock",
        order=92,
        label=_("Goods from before"),
        text=_("What lay there already: counted by one, confirmed by another."),
        action=_("Count"),
        href=lambda village: reverse("desk:opening_counts", args=[village.pk]),
        actions=(ADJUST_STOCK, CONFIRM_COUNT),
        standing=_opening_counts,
        needed=False,
    ),
]
