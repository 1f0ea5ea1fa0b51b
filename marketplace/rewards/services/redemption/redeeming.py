"""The one transaction: claim the key, lock and check, write, pay; refused anywhere, nothing stands."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from marketplace.rewards.services import money
from marketplace.rewards.services.redemption.checking import (
    RedemptionLine,
    allocate,
    check_limits,
    lock_basket,
    lock_resident,
    merge,
    price_lines,
    require_open,
)
from marketplace.rewards.services.redemption.paying import pay
from marketplace.rewards.services.redemption.writing import DrawnAlready, log_stock, write_orders, write_tickets
from timebank.common.errors import KeyConflict
from timebank.common.numbers import format_points_with_unit
from timebank.ledger import errors as ledger_errors
from timebank.registry.models import Resident, User

ATTEMPTS = 3  # one, one more when a supplier's accounts had to be opened, one more when a number was drawn twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for: everything that ``redeem`` decides from, none of it read from the database yet."""

    resident: Resident
    actor: User
    key: uuid.UUID
    now: dt.datetime
    lines: tuple[tuple[int, int], ...] = ()
    basket: Basket | None = None
    expected_total: int | None = None
    kept_prices: Mapping[int, int] = field(default_factory=dict)
    on_behalf_of: Resident | None = None
    channel: str = Redemption.Channel.WEB
    brought_by: str = ""

    @property
    def content_hash(self) -> str:
        """Return what makes two requests of one key the same."""
        content = [self.resident.pk, self.channel, self.basket.pk if self.basket is not None else merge(self.lines)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def redeem(
    *,
    resident: Resident,
    key: uuid.UUID | str,
    actor: User,
    lines: Sequence[tuple[int, int]] | None = None,
    basket: Basket | None = None,
    expected_total: int | None = None,
    kept_prices: Mapping[int, int] | None = None,
    on_behalf_of: Resident | None = None,
    channel: str = Redemption.Channel.WEB,
    brought_by: str = "",
    now: dt.datetime | None = None,
) -> Redemption:
    """Redeem ``lines`` (stock record id, quantity) or all of ``basket`` for ``resident``, or nothing at all.

    ``key`` comes with the form: sent again, it returns the same redemption (``replayed`` is then true).
    ``expected_total`` is what the person saw, in 1/100 point. ``kept_prices`` (by stock record) were promised to the
    person while the fund was below its floor: they count where they are lower than today's. Refusals are
    ``RewardsError`` and the funds' ``FundNotCovered``; the basket stays.
    """
    request = Request(
        resident=resident,
        actor=actor,
        key=uuid.UUID(str(key)),
        now=now or timezone.now(),
        lines=tuple(lines or ()),
        basket=basket,
        expected_total=expected_total,
        kept_prices=kept_prices or {},
        on_behalf_of=on_behalf_of,
        channel=channel,
        brought_by=brought_by[:60],
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _redeem(request)
        except ledger_errors.UnknownAccount:
            # A supplier that came in by another way than its service has no accounts yet. Nothing was written: repeat.
            if attempt == ATTEMPTS:
                raise
            _open_accounts(request)
        except DrawnAlready:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


@transaction.atomic
def _redeem(request: Request) -> Redemption:
    """Claim the key; lock and check; promise the goods; write; pay last, so that the wallet is locked shortest."""
    actor, now = request.actor, request.now
    redemption = _unpaid(request)
    earlier = _claim_key(redemption)
    if earlier is not None:
        return earlier
    resident = lock_resident(request.resident)
    require_open(resident.village)
    wants = lock_basket(request.basket) if request.basket is not None else merge(request.lines)
    lines = price_lines(resident, wants)
    for line in lines:
        line.unit_points = min(line.unit_points, request.kept_prices.get(line.record.pk, line.unit_points))
    redemption.total_points = _agreed_total(lines, request.expected_total)
    check_limits(resident, lines, now)
    plan = money.check_cover(resident, lines, now)
    allocate(lines)
    orders = write_orders(redemption, lines, basket=request.basket, now=now)
    tickets = write_tickets(redemption, lines, orders, now=now, actor=actor)
    log_stock(tickets, actor=actor, now=now)
    money.promise(plan, resident, tickets, now)
    redemption.transfer_id = pay(redemption, resident, lines, actor=actor, on_behalf_of=request.on_behalf_of, now=now)
    redemption.save(update_fields=["total_points", "transfer_id"])
    if request.basket is not None:
        Basket.objects.filter(pk=request.basket.pk).update(status=Basket.SUBMITTED, date_submitted=now)
        request.basket.status = Basket.SUBMITTED
    transaction.on_commit(lambda: _send_signals(list(orders.values()), actor))
    return redemption


def _unpaid(request: Request) -> Redemption:
    return Redemption(
        key=request.key,
        resident=request.resident,
        village_id=request.resident.village_id,
        actor=request.actor,
        channel=request.channel,
        basket=request.basket,
        brought_by=request.brought_by,
        total_points=0,
        content_hash=request.content_hash,
        created_at=request.now,
    )


def _agreed_total(lines: Sequence[RedemptionLine], expected: int | None) -> int:
    """Add up the lines (1/100 point); refuse when the person saw another total."""
    total = sum(line.points for line in lines)
    if expected is not None and total != expected:
        raise errors.PriceChanged(
            _("A price has changed: the new total is %(total)s. Please look again and confirm.")
            % {"total": format_points_with_unit(total)},
            total=total,
            was=expected,
        )
    return total


# -- The key -----------------------------------------------------------------------------------------------------------
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
                raise KeyConflict from None
        elif redemption.basket_id:
            # The same basket from a second window, under that window's key.
            earlier = Redemption.objects.filter(basket_id=redemption.basket_id, resident=redemption.resident).first()
        if earlier is None:
            raise
        earlier.replayed = True
        return earlier
    return None


# -- Before and after --------------------------------------------------------------------------------------------------
def _open_accounts(request: Request) -> None:
    wants = [pk for pk, __ in request.lines]
    if request.basket is not None:
        wants += request.basket.lines.values_list("stockrecord_id", flat=True)
    for partner in Partner.objects.filter(stockrecords__in=wants).distinct():
        open_partner_accounts(partner=partner)


def _send_signals(orders: Sequence[Order], actor: User) -> None:
    """Let Oscar's listeners hear of it; one that fails never undoes a redemption."""
    for order in orders:
        order_placed.send_robust(sender=redeem, order=order, user=actor)
