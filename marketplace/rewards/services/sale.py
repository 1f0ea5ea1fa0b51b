"""Sale by card at the counter: the same redemption, handed over at once."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.partner.models import Partner, StockRecord
from marketplace.rewards import errors
from marketplace.rewards.models import Redemption, Ticket
from marketplace.rewards.rules import CARD_SALE
from marketplace.rewards.services import money
from marketplace.rewards.services.cancel import cancel_redemption
from marketplace.rewards.services.handing_over import hand_over_now, undo_hand_over
from marketplace.rewards.services.redemption.redeeming import redeem
from timebank.registry import services as registry
from timebank.registry.errors import GaveSignIn
from timebank.registry.interests import could_stand_in, require_no_interest
from timebank.registry.models import User
from timebank.registry.rules import require


def card_sale(
    *,
    card_number: str,
    pin: str,
    lines: Sequence[tuple[int, int]],
    key: uuid.UUID | str,
    actor: User,
    partner: Partner,
    expected_total: int | None = None,
    brought_by: str = "",
    device: str = "",
    now: dt.datetime | None = None,
) -> Redemption:
    """Sell ``lines`` (stock record id, quantity) of ``partner`` to the holder of a card and hand them over.

    The PIN is checked first and outside the sale's transaction, so that a wrong one stays counted.
    """
    require(actor, CARD_SALE, region=partner.village, organisation=partner.organisation)
    ids = {pk for pk, __ in lines}
    if StockRecord.objects.filter(pk__in=ids, partner=partner).count() != len(ids):
        raise errors.NotAvailable(_("This counter does not have that."))
    card = registry.check_pin(card_number=card_number, pin=pin, actor=actor, device=device)
    require_no_interest(actor, card.resident)
    now = now or timezone.now()
    if could_stand_in(actor, card.resident, now):
        raise GaveSignIn
    with transaction.atomic():
        redemption = redeem(
            resident=card.resident,
            lines=lines,
            key=key,
            actor=actor,
            expected_total=expected_total,
            on_behalf_of=card.resident,
            channel=Redemption.Channel.CARD,
            brought_by=brought_by,
            now=now,
        )
        if redemption.replayed:
            return redemption  # what was undone since must not be handed over again
        for ticket in redemption.tickets.select_related("partner", "resident").order_by("pk"):
            hand_over_now(ticket, actor=actor, now=now)
    redemption.refresh_from_db(fields=["state"])
    return redemption


@transaction.atomic
def undo_sale(*, redemption: Redemption, actor: User, reason: str = "", now: dt.datetime | None = None) -> Redemption:
    """Take a whole card sale back within ten minutes: goods on the shelf, points on the card."""
    now = now or timezone.now()
    handed_over = list(redemption.tickets.filter(state=Ticket.State.HANDED_OVER).order_by("order_id", "pk"))
    for ticket in handed_over:
        undo_hand_over(ticket=ticket, actor=actor, reason=reason, now=now, with_money=False)
    cancelled = cancel_redemption(
        redemption=redemption, actor=actor, reason=reason or _("Sale undone at the counter"), now=now
    )
    # All points first, then all money: a sale locks the wallet before the fund as well.
    for ticket in handed_over:
        money.undraw(ticket, actor=actor, now=now)
    money.release(handed_over, now)
    return cancelled
