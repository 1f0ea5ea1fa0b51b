"""Take a ticket, or some of its pieces, back after its hand-over: one person asks, another decides; then all goes
back at once."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from marketplace.funds.models import Commitment
from marketplace.rewards import errors
from marketplace.rewards.models import StockMovement, Ticket, TicketEvent, TicketReturn
from marketplace.rewards.rules import APPROVE_RETURN, RETURN_TICKET
from marketplace.rewards.services import money
from marketplace.rewards.services.asking import decide_asked, lock_asked, withdraw_asked
from marketplace.rewards.services.common import lock_orders, lock_tickets, log_events, person, update_states
from marketplace.rewards.services.handing_over import post_hand_over
from marketplace.rewards.services.stock import move_for_tickets, movement, return_pieces
from timebank.common import events
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.ledger import services as ledger
from timebank.registry.interests import other_person, require_no_interest
from timebank.registry.models import User
from timebank.registry.rules import require
from timebank.registry.services import record_audit
from timebank.registry.services.points import follow

State = Ticket.State
Asked = TicketReturn.State


def can_restock(ticket: Ticket) -> bool:
    """Say whether there is anything that could be handed out again: goods, or a unit of a service that was given."""
    given = Commitment.objects.filter(ticket_id=ticket.pk, kind=Commitment.Kind.GIFT)
    return ticket.is_stocked or given.exists()


@transaction.atomic
def ask_return(
    *,
    ticket: Ticket,
    actor: User,
    reason: str,
    restock: bool,
    quantity: int | None = None,
    now: dt.datetime | None = None,
) -> TicketReturn:
    """Ask to take back a handed-over ticket, or ``quantity`` of its pieces; nothing moves yet.

    Raises ``NotHandedOver``, ``ReturnAsked``, ``InvalidQuantity``.
    """
    lock_orders([ticket.order_id])
    (ticket,) = lock_tickets([ticket.pk])
    require(actor, RETURN_TICKET, region=ticket.partner.village)
    require_no_interest(actor, ticket.resident)
    reason = clean_text(reason, lines=True)
    if not reason:
        raise ReasonMissing(field="reason")
    if ticket.state != State.HANDED_OVER:
        raise errors.NotHandedOver
    if ticket.returns.filter(state=Asked.PREPARED).exists():
        raise errors.ReturnAsked
    quantity = ticket.quantity if quantity is None else quantity
    if not 0 < quantity <= ticket.quantity:
        raise errors.InvalidQuantity(field="quantity")
    return TicketReturn.objects.create(
        ticket=ticket,
        quantity=quantity,
        reason=reason[:200],
        restock=restock and can_restock(ticket),
        prepared_by=actor,
        prepared_at=now or timezone.now(),
    )


@transaction.atomic
def withdraw_return(*, asked: TicketReturn, actor: User, now: dt.datetime | None = None) -> TicketReturn:
    """Take a request back before anybody has decided it; only who asked can."""
    asked = lock_asked(TicketReturn, asked.pk)
    withdraw_asked(asked, actor=actor)
    record_audit(
        actor=actor,
        action="withdraw_return",
        subject=f"ticket:{asked.ticket_id}",
        region=asked.ticket.partner.village,
        now=now,
    )
    return asked


@transaction.atomic
def decide_return(
    *, asked: TicketReturn, actor: User, approve: bool, reason: str = "", now: dt.datetime | None = None
) -> TicketReturn:
    """Take the ticket back, or decline with a reason: by who neither asked, nor redeemed, nor handed it over.

    Points go back to the lots that paid, goods to the shelf (or are written off), money to the fund that paid; a
    supplier who was paid already owes it on the next statement.
    """
    now = now or timezone.now()
    order_id = Ticket.objects.values_list("order_id", flat=True).get(pk=asked.ticket_id)
    orders = lock_orders([order_id])
    (ticket,) = lock_tickets([asked.ticket_id])
    asked = lock_asked(TicketReturn, asked.pk)
    require(actor, APPROVE_RETURN, region=ticket.partner.village)
    require_no_interest(actor, ticket.resident)
    other_person(actor, asked.prepared_by_id, ticket.handed_over_by_id, ticket.redemption.actor_id)
    decide_asked(asked, actor=actor, approve=approve, reason=reason, now=now)
    if approve and asked.quantity < ticket.quantity:
        _take_part(ticket, asked, actor=actor, now=now)
        update_states([orders[order_id]], actor=actor, reason=asked.reason)
        _give_part_back(ticket, asked, actor=actor, now=now)
    elif approve:
        _take_back(ticket, asked, actor=actor, now=now)
        update_states([orders[order_id]], actor=actor, reason=asked.reason)
        _give_back(ticket, asked, actor=actor, now=now)
    return asked


def _take_back(ticket: Ticket, asked: TicketReturn, *, actor: User, now: dt.datetime) -> None:
    """Close the ticket as returned; the conditional update is the guard."""
    moved = Ticket.objects.filter(pk=ticket.pk, state=State.HANDED_OVER).update(
        state=State.RETURNED, handed_over_at=None, handed_over_by=None
    )
    if not moved:
        raise errors.NotHandedOver
    ticket.state, ticket.handed_over_at, ticket.handed_over_by = State.RETURNED, None, None
    log_events([ticket], TicketEvent.What.RETURNED, actor=actor, now=now, reason=asked.reason)
    if asked.restock:
        move_for_tickets(StockMovement.Kind.RETURN, [ticket], actor=actor, now=now, reason=asked.reason)
    elif ticket.is_stocked:
        # It came back and is of no use: the shelf stays as it is, and its value is gone since the hand-over.
        facts = {"ticket": ticket, "actor": actor, "occurred_at": now, "reason": asked.reason}
        kinds = (StockMovement.Kind.RETURN, StockMovement.Kind.WRITE_OFF)
        StockMovement.objects.bulk_create(
            [movement(kind, ticket.stockrecord_id, ticket.quantity, **facts) for kind in kinds]
        )


def _give_back(ticket: Ticket, asked: TicketReturn, *, actor: User, now: dt.datetime) -> None:
    """Give the points back to the lots that paid, then the money to the fund: points are locked before money."""
    if ticket.points:
        memo = f"ticket:{ticket.code}"
        ledger.reverse(
            ticket.hand_over_transfer_id,  # type: ignore[arg-type]  # a handed-over ticket with points has posted them
            key=f"ticket:{ticket.pk}:returned",
            reason="returned",
            actor=person(actor),
            memo=memo,
        )
        ledger.refund(
            ticket.redemption.transfer_id,  # type: ignore[arg-type]  # a ticket with points was paid by a transfer
            amount=ticket.points,
            key=f"ticket:{ticket.pk}:refund",
            reason="returned",
            actor=person(actor),
            from_account=ticket.partner.escrow_key,
            memo=memo,
        )
        follow(ticket.resident, actor=actor)
    money.give_back(ticket, restock=asked.restock, actor=actor, reason=asked.reason, now=now)
    _tell(ticket, asked, ticket.points, now)


def _take_part(ticket: Ticket, asked: TicketReturn, *, actor: User, now: dt.datetime) -> None:
    """Take some pieces off a ticket that stays handed over; the conditional update is the guard.

    What stays counts as handed over once more, so that every posting of the rest has a key of its own.
    """
    asked.points = ticket.points * asked.quantity // ticket.quantity
    moved = Ticket.objects.filter(pk=ticket.pk, state=State.HANDED_OVER, quantity=ticket.quantity).update(
        quantity=F("quantity") - asked.quantity, points=F("points") - asked.points, hand_overs=F("hand_overs") + 1
    )
    if not moved:
        raise errors.NotHandedOver
    asked.save(update_fields=["points"])
    log_events([ticket], TicketEvent.What.SOME_RETURNED, actor=actor, now=now, reason=asked.reason)
    if ticket.is_stocked:
        return_pieces(ticket, asked.quantity, restock=asked.restock, actor=actor, now=now, reason=asked.reason)
    ticket.quantity -= asked.quantity
    ticket.points -= asked.points
    ticket.hand_overs += 1


def _give_part_back(ticket: Ticket, asked: TicketReturn, *, actor: User, now: dt.datetime) -> None:
    """Undo the posting of the hand-over, give the pieces' points back, and hand the rest over again; then the money."""
    if asked.points:
        memo = f"ticket:{ticket.code}"
        ledger.reverse(
            ticket.hand_over_transfer_id,  # type: ignore[arg-type]  # a handed-over ticket with points has posted them
            key=f"ticket:{ticket.pk}:returned:{ticket.hand_overs}",
            reason="returned",
            actor=person(actor),
            memo=memo,
        )
        ledger.refund(
            ticket.redemption.transfer_id,  # type: ignore[arg-type]  # a ticket with points was paid by a transfer
            amount=asked.points,
            key=f"ticket:{ticket.pk}:refund:{ticket.hand_overs}",
            reason="returned",
            actor=person(actor),
            from_account=ticket.partner.escrow_key,
            memo=memo,
        )
        follow(ticket.resident, actor=actor)
        post_hand_over(ticket, actor=actor, now=now)
    money.give_back_part(ticket, restock=asked.restock, actor=actor, reason=asked.reason, now=now)
    _tell(ticket, asked, asked.points, now)


def _tell(ticket: Ticket, asked: TicketReturn, points: int, now: dt.datetime) -> None:
    what = ticket.product.title
    events.emit(
        "ticket_returned",
        subject=ticket,
        recipients=[f"resident:{ticket.resident_id}"],
        region=f"region:{ticket.partner.village_id}",
        facts={
            "what": f"{what} × {asked.quantity}" if asked.quantity > 1 else what,
            "supplier": ticket.partner.name,
            "points": points,
            "reason": asked.reason,
        },
        occurred_at=now,
    )
