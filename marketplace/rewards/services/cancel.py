"""Cancel until hand-over: stock released once, points back to the lots they came from, tickets closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from marketplace.order.models import Order
from marketplace.rewards import errors
from marketplace.rewards.models import Redemption, StockMovement, Ticket, TicketEvent
from marketplace.rewards.services import money
from marketplace.rewards.services.common import (
    is_staff_of,
    lock_orders,
    lock_tickets,
    log_events,
    person,
    someone,
    update_states,
)
from marketplace.rewards.services.stock import move_for_tickets
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.ledger import services as ledger
from timebank.registry.interests import require_no_interest
from timebank.registry.models import Resident, User
from timebank.registry.rules import can_act_for
from timebank.registry.services.points import follow

State = Ticket.State


def cancel_redemption(
    *,
    redemption: Redemption,
    actor: User,
    reason: str = "",
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Redemption:
    """Cancel what of ``redemption`` was not yet handed over. Raises AlreadyHandedOver when nothing is left."""
    ids = list(redemption.tickets.values_list("pk", flat=True))
    _cancel(ids, actor=actor, reason=reason, on_behalf_of=on_behalf_of, now=now)
    redemption.refresh_from_db(fields=["state"])
    return redemption


def cancel_ticket(
    *,
    ticket: Ticket,
    actor: User,
    reason: str = "",
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Ticket:
    """Cancel one ticket. Raises AlreadyHandedOver or AlreadyClosed when it is not open any more."""
    _cancel([ticket.pk], actor=actor, reason=reason, on_behalf_of=on_behalf_of, now=now)
    ticket.refresh_from_db(fields=["state"])
    return ticket


@transaction.atomic
def _cancel(
    ids: Sequence[int], *, actor: User, reason: str, on_behalf_of: Resident | None, now: dt.datetime | None
) -> list[Ticket]:
    now = now or timezone.now()
    orders = lock_orders(Ticket.objects.filter(pk__in=ids).values_list("order_id", flat=True))
    tickets = lock_tickets(ids)
    _check_may_cancel(tickets, actor=actor, reason=reason, on_behalf_of=on_behalf_of)
    still_open = [ticket for ticket in tickets if ticket.state == State.ISSUED]
    if not still_open:
        handed_over = any(ticket.state == State.HANDED_OVER for ticket in tickets)
        raise errors.AlreadyHandedOver() if handed_over else errors.AlreadyClosed()
    close_tickets(
        still_open,
        orders=orders,
        to=State.CANCELLED,
        actor=actor,
        reason=clean_text(reason, lines=True),
        on_behalf_of=on_behalf_of,
        now=now,
    )
    return still_open


def _check_may_cancel(tickets: Sequence[Ticket], *, actor: User, reason: str, on_behalf_of: Resident | None) -> None:
    holders = {ticket.resident for ticket in tickets}
    if not tickets:
        raise errors.AlreadyClosed
    counters = {ticket.partner for ticket in tickets}
    if any(is_staff_of(actor, counter) for counter in counters):
        # Who serves at the counter cancels there nothing of their own, by whatever page.
        for holder in holders:
            require_no_interest(actor, holder)
    if all(can_act_for(actor, holder, on_behalf_of) for holder in holders):
        return
    if not all(is_staff_of(actor, counter) for counter in counters):
        raise errors.NotHolder
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")


def close_tickets(
    tickets: Sequence[Ticket],
    *,
    orders: dict[int, Order],
    to: str,
    actor: User | None,
    reason: str,
    now: dt.datetime,
    on_behalf_of: Resident | None = None,
) -> None:
    """Close open tickets as cancelled or expired: stock back once, points back once. Orders are locked by the caller.

    The conditional update is the guard: a ticket that was handed over or closed meanwhile stops everything.
    """
    moved = Ticket.objects.filter(pk__in=[t.pk for t in tickets], state=State.ISSUED).update(state=to)
    if moved != len(tickets):
        raise errors.AlreadyClosed
    for ticket in tickets:
        ticket.state = to
    what = TicketEvent.What.CANCELLED if to == State.CANCELLED else TicketEvent.What.EXPIRED
    log_events(tickets, what, actor=actor, now=now, reason=reason)
    move_for_tickets(StockMovement.Kind.CANCEL, tickets, actor=actor, now=now, reason=reason)
    update_states([orders[pk] for pk in sorted({t.order_id for t in tickets})], actor=actor, reason=reason)
    _refund(tickets, to=to, actor=actor, on_behalf_of=on_behalf_of)
    money.release(tickets, now)


def _refund(
    tickets: Sequence[Ticket],
    *,
    to: str,
    actor: User | None,
    on_behalf_of: Resident | None,
) -> None:
    """Refund each ticket from its supplier's escrow to the lots that paid for it."""
    for ticket in sorted(tickets, key=lambda item: item.pk):
        if not ticket.points:
            continue
        ledger.refund(
            ticket.redemption.transfer_id,  # type: ignore[arg-type]  # a ticket with points was paid by a transfer
            amount=ticket.points,
            key=f"ticket:{ticket.pk}:refund",
            reason=str(to),  # the words stand in the ticket event
            actor=person(actor),
            from_account=ticket.partner.escrow_key,
            memo=f"ticket:{ticket.code}",
            on_behalf_of=someone(on_behalf_of),
        )
    for holder in {ticket.resident for ticket in tickets}:
        follow(holder, actor=actor)  # who redeemed under an earlier number has the points under this one
