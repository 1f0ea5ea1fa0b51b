"""The one transaction: claim the key, lock and check, write, pay; refused anywhere, nothing stands."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from oscar.apps.order.signals import order_placed

from marketplace.basket.models import Basket
from marketplace.order.models import Order
from marketplace.partner.models import Partner
from marketplace.partner.services import open_partner_accounts
from marketplace.rewards import errors
from marketplace.rewards.models import Redemption
from marketplace.rewards.services.redemption.checking import (
    check_limits,
    lock_basket,
    lock_resident,
    merge,
    price_lines,
)
from marketplace.rewards.services.redemption.paying import pay
from marketplace.rewards.services.redemption.writing import allocate, log_stock, write_orders, write_tickets
from timebank.common.numbers import format_points_with_unit
from timebank.ledger import errors as ledger_errors
from timebank.registry.models import Resident, User


def redeem(
    *,
    resident: Resident,
    key: uuid.UUID | str,
    actor: User,
    lines: Sequence[tuple[int, int]] | None = None,
    basket: Basket | None = None,
    expected_total: int | None = None,
    on_behalf_of: Resident | None = None,
    channel: str = Redemption.Channel.WEB,
    brought_by: str = "",
    now: dt.datetime | None = None,
) -> Redemption:
    """Redeem ``lines`` (stock record id, quantity) or all of ``basket`` for ``resident``, or nothing at all.

    ``key`` comes with the form: sent again, it returns the same redemption (``replayed`` is then true).
    ``expected_total`` is what the person saw, in 1/100 point. Refusals are ``RewardsError``; the basket stays.
    """
    arguments: dict[str, Any] = {
        "resident": resident,
        "lines": lines,
        "basket": basket,
        "key": uuid.UUID(str(key)),
        "expected_total": expected_total,
        "actor": actor,
        "on_behalf_of": on_behalf_of,
        "channel": channel,
        "brought_by": brought_by,
        "now": now or timezone.now(),
    }
    try:
        return _redeem(**arguments)
    except ledger_errors.UnknownAccount:
        # A supplier that came in by another way than its service has no accounts yet. Nothing was written: repeat.
        _open_accounts(basket, lines)
        return _redeem(**arguments)


@transaction.atomic
def _redeem(
    *,
    resident: Resident,
    lines: Sequence[tuple[int, int]] | None,
    basket: Basket | None,
    key: uuid.UUID,
    expected_total: int | None,
    actor: User,
    on_behalf_of: Resident | None,
    channel: str,
    brought_by: str,
    now: dt.datetime,
) -> Redemption:
    redemption = Redemption(
        key=key,
        resident=resident,
        village_id=resident.village_id,
        actor=actor,
        channel=channel,
        basket=basket,
        brought_by=brought_by[:60],
        total_points=0,
        content_hash=_content_hash(resident, channel, basket, lines),
        created_at=now,
    )
    earlier = _claim_key(redemption)
    if earlier is not None:
        return earlier
    resident = lock_resident(resident)
    wants = lock_basket(basket) if basket is not None else merge(lines or ())
    priced = price_lines(resident, wants)
    total = sum(line.points for line in priced)
    if expected_total is not None and total != expected_total:
        raise errors.PriceChanged(
            _("A price has changed: the new total is %(total)s. Please look again and confirm.")
            % {"total": format_points_with_unit(total)},
            total=total,
            was=expected_total,
        )
    check_limits(resident, priced, now)
    allocate(priced)
    orders = write_orders(redemption, priced, actor=actor, basket=basket, now=now)
    tickets = write_tickets(redemption, priced, orders, now=now, actor=actor)
    log_stock(tickets, actor=actor, now=now)
    transfer_id = pay(redemption, resident, priced, actor=actor, on_behalf_of=on_behalf_of, now=now)
    Redemption.objects.filter(pk=redemption.pk).update(total_points=total, transfer_id=transfer_id)
    redemption.total_points, redemption.transfer_id = total, transfer_id
    if basket is not None:
        Basket.objects.filter(pk=basket.pk).update(status=Basket.SUBMITTED, date_submitted=now)
        basket.status = Basket.SUBMITTED
    transaction.on_commit(lambda: _report(list(orders.values()), actor))
    return redemption


# -- The key -----------------------------------------------------------------------------------------------------------
def _content_hash(
    resident: Resident, channel: str, basket: Basket | None, lines: Sequence[tuple[int, int]] | None
) -> str:
    content = [resident.pk, channel, basket.pk if basket is not None else merge(lines or ())]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _claim_key(redemption: Redemption) -> Redemption | None:
    """Store the redemption under its key, or return the one that has the key (or the basket) already.

    The unique column is the guard: a second sender waits here until the first has finished or given up.
    """
    try:
        with transaction.atomic():
            redemption.save(force_insert=True)
    except IntegrityError:
        earlier = Redemption.objects.filter(key=redemption.key).first()
        if earlier is not None:
            if earlier.content_hash != redemption.content_hash:
                raise errors.KeyConflict from None
        elif redemption.basket_id:
            # The same basket from a second window, under that window's key.
            earlier = Redemption.objects.filter(basket_id=redemption.basket_id, resident=redemption.resident).first()
        if earlier is None:
            raise
        earlier.replayed = True
        return earlier
    return None


# -- Before and after --------------------------------------------------------------------------------------------------
def _open_accounts(basket: Basket | None, lines: Sequence[tuple[int, int]] | None) -> None:
    wants = [pk for pk, __ in lines or ()]
    if basket is not None:
        wants += basket.lines.values_list("stockrecord_id", flat=True)
    for partner in Partner.objects.filter(stockrecords__in=wants).distinct():
        open_partner_accounts(partner=partner)


def _report(orders: Sequence[Order], actor: User) -> None:
    """Tell whoever listens to Oscar; a deaf listener never undoes a redemption."""
    for order in orders:
        order_placed.send_robust(sender=redeem, order=order, user=actor)
