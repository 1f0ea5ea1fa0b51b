"""Telling people that something lies on the shelf again, who asked to be told: each once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketplace.partner.models import StockRecord
from marketplace.rewards.errors import NotYours
from marketplace.rewards.models import RestockWish
from timebank.common.events import emit
from timebank.common.sweeps import Sweep
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
        raise NotYours


def tell_restocked(stockrecord: StockRecord, now: dt.datetime) -> None:
    """Tell whoever waits for this, if there is some again; called in the transaction that brought it."""
    if (stockrecord.num_in_stock or 0) <= (stockrecord.num_allocated or 0):
        return
    waiting = RestockWish.objects.select_for_update(of=("self",)).filter(stockrecord=stockrecord, told_at=None)
    wishes = list(waiting.order_by("pk"))
    if not wishes:
        return
    RestockWish.objects.filter(pk__in=[wish.pk for wish in wishes]).update(told_at=now)
    emit(
        "restocked",
        subject=stockrecord.product,
        recipients=[f"resident:{wish.resident_id}" for wish in wishes],
        region=stockrecord.partner.village,
        facts={"what": stockrecord.product.get_title(), "supplier": stockrecord.partner.display_name},
        occurred_at=now,
    )


def _old(now: dt.datetime) -> QuerySet[Any, int]:
    old = RestockWish.objects.filter(told_at__lt=now - KEPT)
    return old.order_by("pk").values_list("pk", flat=True)


def _forget(pks: list[int], _now: dt.datetime) -> None:
    RestockWish.objects.filter(pk__in=pks).delete()


FORGET_WISHES = Sweep(
    "forget old wishes",
    due=_old,
    handle=lambda pk, now: _forget([pk], now),
    handle_batch=_forget,
    every=24 * 60 * 60,
)
