"""Keep what the fund does not cover today, and redeem it later at the kept price: by the person's own word only."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils import timezone

from marketplace.basket.models import Basket
from marketplace.funds.models import Commitment, QueuedRedemption
from marketplace.funds.services import promising, queue
from marketplace.funds.types import Wanted
from marketplace.rewards import errors
from marketplace.rewards.models import Redemption
from marketplace.rewards.services.redemption.checking import lock_basket, lock_resident, price_lines
from marketplace.rewards.services.redemption.redeeming import redeem
from timebank.common.errors import WrongState
from timebank.registry.models import Resident, User
from timebank.registry.rules import can_act_for

State = QueuedRedemption.State


@transaction.atomic
def keep_basket(
    *,
    resident: Resident,
    basket: Basket,
    key: uuid.UUID | str,
    actor: User,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> QueuedRedemption:
    """Keep the lines of a basket at today's price for fourteen days; the basket is emptied, no points are taken."""
    now = now or timezone.now()
    if on_behalf_of != resident and not can_act_for(actor, resident):
        raise errors.NotHolder
    earlier = QueuedRedemption.objects.filter(key=key, resident=resident).first()
    if earlier is not None:
        return earlier
    resident = lock_resident(resident)
    lines = price_lines(resident, lock_basket(basket))
    wanted = [
        Wanted(line.record.pk, line.partner.pk, line.product.pk, line.quantity, line.is_stocked) for line in lines
    ]
    plan = promising.plan_for(village=resident.village, wanted=wanted, on=timezone.localdate(now))
    if plan is None:
        raise WrongState
    cash = sum(
        plan.prices.get(line.record.pk, 0) * line.quantity
        for line in lines
        if plan.kind(line.record.pk, is_stocked=line.is_stocked) == Commitment.Kind.CASH
    )
    kept = queue.keep_wanted(
        resident=resident,
        fund=plan.fund,
        lines=[(line.record.pk, line.quantity, line.unit_points) for line in lines],
        cash_fen=cash,
        actor=actor,
        key=key,
        now=now,
    )
    basket.lines.all().delete()
    return kept


@transaction.atomic
def redeem_kept(
    *,
    kept: QueuedRedemption,
    actor: User,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Redemption:
    """Redeem what was kept, now that cover is back: checked again as any redemption, never dearer than it was kept."""
    if kept.state not in {State.READY, State.REDEEMED}:
        raise WrongState(state=kept.state)
    made = redeem(
        resident=kept.resident,
        lines=[(record, quantity) for record, quantity, _points in kept.lines],
        kept_prices={record: points for record, _quantity, points in kept.lines},
        key=kept.key,
        actor=actor,
        on_behalf_of=on_behalf_of,
        now=now,
    )
    queue.close_kept(kept=kept, to=State.REDEEMED, now=now)
    return made
