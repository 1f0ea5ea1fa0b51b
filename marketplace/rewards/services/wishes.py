"""Telling people that something lies on the shelf again, who asked to be told: each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.partner.models import StockRecord
from marketplace.rewards.errors import NotHolder
from marketplace.rewards.models import RestockWish
from timebank.common.events import emit
from timebank.common.sweeps import forget
from timebank.registry.models import Resident, User
from timebank.registry.rules import can_act_for

KEPT = dt.timedelta(days=365)


@transaction.atomic
def wish_restock(
    *,
    stockrecord: StockRecord,
    resident: Resident,
    actor: User,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> RestockWish:
    """Write down that a resident wants to be told; asked again it is the same wish."""
    _require_hand(actor, resident, on_behalf_of)
    wish, _is_new = RestockWish.objects.get_or_create(
        stockrecord=stockrecord, resident=resident, told_at=None, defaults={"created_at": now or timezone.now()}
    )
    return wish


@transaction.atomic
def end_wish(
    *, stockrecord: StockRecord, resident: Resident, actor: User, on_behalf_of: Resident | None = None
) -> None:
    """Forget the wish; again does nothing."""
    _require_hand(actor, resident, on_behalf_of)
    RestockWish.objects.filter(stockrecord=stockrecord, resident=resident, told_at=None).delete()


def _require_hand(actor: User, resident: Resident, on_behalf_of: Resident | None) -> None:
    if not can_act_for(actor, resident, on_behalf_of):
        raise NotHolder


def tell_restocked(stockrecords: Iterable[int], now: dt.datetime) -> None:
    """Tell whoever waits for one of these, where there is some again; in the transaction that brought it, whatever did.

    One statement where nobody waits.
    """
    waiting = RestockWish.objects.select_for_update(of=("self",)).filter(
        stockrecord__in=list(stockrecords),
        told_at=None,
        stockrecord__num_in_stock__gt=Coalesce(F("stockrecord__num_allocated"), 0),
    )
    wishes = list(waiting.select_related("stockrecord__product", "stockrecord__partner__village").order_by("pk"))
    if not wishes:
        return
    RestockWish.objects.filter(pk__in=[wish.pk for wish in wishes]).update(told_at=now)
    by_record: dict[StockRecord, list[RestockWish]] = {}
    for wish in wishes:
        by_record.setdefault(wish.stockrecord, []).append(wish)
    for record, of_record in by_record.items():
        emit(
            "restocked",
            subject=record.product,
            recipients=[f"resident:{wish.resident_id}" for wish in of_record],
            region=record.partner.village,
            facts={"what": record.product.get_title(), "supplier": record.partner.display_name},
            occurred_at=now,
        )


FORGET_WISHES = forget("forget old wishes", lambda now: RestockWish.objects.filter(told_at__lt=now - KEPT))
