"""Hand over once, undo within minutes, and let what nobody collects expire."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from marketplace.order.models import Order
from marketplace.partner.models import Partner
from marketplace.rewards import codes, errors
from marketplace.rewards.models import Scan, StockMovement, Ticket, TicketEvent
from marketplace.rewards.rules import HAND_OVER
from marketplace.rewards.services import money
from marketplace.rewards.services.cancel import close_tickets
from marketplace.rewards.services.common import (
    is_staff_of,
    lock_orders,
    lock_tickets,
    log_events,
    person,
    update_states,
)
from marketplace.rewards.services.stock import move_for_tickets
from timebank.common import events, sweeps
from timebank.common.errors import KeyConflict
from timebank.common.models import Event
from timebank.common.sweeps import Sweep
from timebank.ledger import services as ledger
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry.interests import could_stand_in, interest_of, require_no_interest
from timebank.registry.models import User
from timebank.registry.rules import require

State = Ticket.State
Result = Scan.Result
UNDO_WITHIN = dt.timedelta(minutes=10)
REMIND_BEFORE = dt.timedelta(days=3)


@transaction.atomic
def hand_over(
    *,
    code: str,
    actor: User,
    nonce: str | uuid.UUID,
    partner: Partner | None = None,
    device: str = "",
    now: dt.datetime | None = None,
) -> Scan:
    """Judge what was scanned at the counter of ``partner`` and, if it is good, hand it over: exactly once.

    Every scan is kept and answered; only a person who does not serve at that counter is turned away (403).
    The same ``nonce`` gets the same answer again. Without ``partner`` the ticket says where it belongs.
    """
    now = now or timezone.now()
    wanted = codes.normalise(code)
    known = Ticket.objects.select_related("partner__village", "partner__organisation", "resident", "redemption")
    ticket = known.filter(code=wanted).first()
    where = partner or (ticket.partner if ticket else None)
    if where is not None:
        require(actor, HAND_OVER, region=where.village, organisation=where.organisation)
    scan = Scan(
        nonce=str(nonce)[:64],
        # Of what is no ticket only the end is kept: it may be somebody's code for paying, or a card.
        code=wanted if ticket is not None else f"…{wanted[-4:]}",
        partner=where,
        ticket=ticket,
        actor=actor,
        occurred_at=now,
        device=device[:60],
    )
    earlier = _claim_nonce(scan)
    if earlier is not None:
        return earlier
    if ticket is None or where is None:
        return scan
    order = lock_orders([ticket.order_id])[ticket.order_id]
    scan.result = _judge(ticket, where, now)
    if scan.ok and needs_another(actor, ticket, now):
        scan.result = Result.OTHER_PERSON
    if scan.ok and not claim_ticket(ticket, actor=actor, now=now):
        scan.result = _judge(ticket, where, now)  # another counter was quicker: say so
    if scan.ok:
        _finish(ticket, order, actor=actor, now=now, device=device)
    elif scan.result == Result.ALREADY:
        scan.earlier_at, scan.earlier_by = ticket.handed_over_at, ticket.handed_over_by
    scan.save(update_fields=["result", "earlier_at", "earlier_by"])
    return scan


def needs_another(actor: User, ticket: Ticket, now: dt.datetime) -> bool:
    """Say whether another person must hand this over: nobody gives themselves, their household or whom they help, nor
    what they redeemed for somebody, nor to whom they could be themselves (``could_stand_in``)."""
    return (
        bool(interest_of(actor, ticket.resident))
        or actor.pk == ticket.redemption.actor_id
        or could_stand_in(actor, ticket.resident, now)
    )


def _claim_nonce(scan: Scan) -> Scan | None:
    """Store the scan under its nonce, or return what this nonce was answered before."""
    try:
        with transaction.atomic():
            scan.save(force_insert=True)
    except IntegrityError:
        earlier = Scan.objects.select_related("ticket", "partner", "earlier_by").filter(nonce=scan.nonce).first()
        if earlier is None:
            raise
        if earlier.code != scan.code or earlier.actor_id != scan.actor_id:
            raise KeyConflict from None
        return earlier
    return None


def _judge(ticket: Ticket, where: Partner, now: dt.datetime) -> str:
    """Say what the ticket is good for at this counter, now. Reads its state anew: the order is locked."""
    ticket.refresh_from_db(fields=["state", "handed_over_at", "handed_over_by", "hand_overs", "valid_until"])
    if ticket.partner_id != where.pk:
        return Result.WRONG_PARTNER
    other = {
        State.HANDED_OVER: Result.ALREADY,
        State.CANCELLED: Result.CANCELLED,
        State.EXPIRED: Result.EXPIRED,
        State.VOID: Result.VOID,
        State.RETURNED: Result.RETURNED,
    }
    if ticket.state != State.ISSUED:
        return other[State(ticket.state)]
    return Result.HANDED_OVER if ticket.valid_until >= timezone.localdate(now) else Result.EXPIRED


def claim_ticket(ticket: Ticket, *, actor: User, now: dt.datetime) -> bool:
    """Take the ticket from issued to handed over, if nobody else has: one conditional update decides."""
    moved = Ticket.objects.filter(pk=ticket.pk, state=State.ISSUED, valid_until__gte=timezone.localdate(now)).update(
        state=State.HANDED_OVER, handed_over_at=now, handed_over_by=actor, hand_overs=F("hand_overs") + 1
    )
    return bool(moved)


def post_hand_over(ticket: Ticket, *, actor: User, now: dt.datetime) -> None:
    """Move a ticket's points from what its supplier promised to what it has handed over."""
    if not ticket.points:
        return
    again = f":{ticket.hand_overs}" if ticket.hand_overs > 1 else ""
    posted = ledger.post(
        TransferSpec(
            key=f"ticket:{ticket.pk}:hand_over{again}",
            kind="hand_over",
            legs=(Leg(debit=ticket.partner.escrow_key, credit=ticket.partner.redeemed_key, amount=ticket.points),),
            effective_on=timezone.localdate(now),
            actor=person(actor),
            source=f"ticket:{ticket.pk}",
            memo=f"ticket:{ticket.code}",
        )
    )
    Ticket.objects.filter(pk=ticket.pk).update(hand_over_transfer_id=posted.id)
    ticket.hand_over_transfer_id = posted.id


def _finish(ticket: Ticket, order: Order, *, actor: User, now: dt.datetime, device: str = "") -> None:
    """Do what follows from a claimed ticket: event, stock off the shelf, order status, escrow to redeemed."""
    ticket.state, ticket.handed_over_at, ticket.handed_over_by = State.HANDED_OVER, now, actor
    ticket.hand_overs += 1
    log_events([ticket], TicketEvent.What.HANDED_OVER, actor=actor, now=now, device=device[:60])
    move_for_tickets(StockMovement.Kind.HAND_OVER, [ticket], actor=actor, now=now)
    update_states([order], actor=actor)
    post_hand_over(ticket, actor=actor, now=now)
    money.draw(ticket, actor=actor, now=now)


@transaction.atomic
def hand_over_now(ticket: Ticket, *, actor: User, now: dt.datetime, device: str = "") -> Ticket:
    """Hand an open ticket over without a scan (the card sale). The caller has checked who may."""
    order = lock_orders([ticket.order_id])[ticket.order_id]
    if not claim_ticket(ticket, actor=actor, now=now):
        raise errors.AlreadyClosed
    _finish(ticket, order, actor=actor, now=now, device=device)
    return ticket


@transaction.atomic
def undo_hand_over(
    *, ticket: Ticket, actor: User, reason: str = "", now: dt.datetime | None = None, with_money: bool = True
) -> Ticket:
    """Take a hand-over back, within ten minutes, by the clerk who did it; the ticket is open again.

    Who undoes several and then gives points back takes the money back himself, afterwards: all points are locked
    before any money (``with_money`` False).
    """
    now = now or timezone.now()
    order = lock_orders([ticket.order_id])[ticket.order_id]
    (ticket,) = lock_tickets([ticket.pk])
    require_no_interest(actor, ticket.resident)
    if ticket.state != State.HANDED_OVER:
        raise errors.AlreadyClosed
    if not can_undo(ticket, actor, now):
        raise errors.UndoTooLate
    moved = Ticket.objects.filter(pk=ticket.pk, state=State.HANDED_OVER, handed_over_by=actor).update(
        state=State.ISSUED, handed_over_at=None, handed_over_by=None
    )
    if not moved:
        raise errors.AlreadyClosed
    ticket.state, ticket.handed_over_at, ticket.handed_over_by = State.ISSUED, None, None
    log_events([ticket], TicketEvent.What.UNDONE, actor=actor, now=now, reason=reason)
    move_for_tickets(StockMovement.Kind.UNDO, [ticket], actor=actor, now=now, reason=reason)
    update_states([order], actor=actor, reason=reason)
    if ticket.points and ticket.hand_over_transfer_id:
        ledger.reverse(
            ticket.hand_over_transfer_id,
            key=f"ticket:{ticket.pk}:undo:{ticket.hand_overs}",
            reason="undo",
            actor=person(actor),
            memo=f"ticket:{ticket.code}",
        )
    if with_money:
        money.undraw(ticket, actor=actor, now=now)
    return ticket


def can_undo(ticket: Ticket, actor: User, now: dt.datetime | None = None) -> bool:
    """Tell whether ``actor`` may still take this hand-over back."""
    if ticket.state != State.HANDED_OVER or ticket.handed_over_at is None or ticket.handed_over_by_id != actor.pk:
        return False
    return (now or timezone.now()) - ticket.handed_over_at <= UNDO_WITHIN and is_staff_of(actor, ticket.partner)


def _past(now: dt.datetime) -> QuerySet[Ticket]:
    return Ticket.objects.filter(state=State.ISSUED, valid_until__lt=timezone.localdate(now))


def _expire(order_id: int, now: dt.datetime) -> int:
    """Close the tickets of one order that are past their last day; return how many."""
    locked = lock_orders([order_id])
    ids = list(_past(now).filter(order_id=order_id).values_list("pk", flat=True))
    tickets = [ticket for ticket in lock_tickets(ids) if ticket.state == State.ISSUED]
    if tickets:
        close_tickets(tickets, orders=locked, to=State.EXPIRED, actor=None, reason="", now=now)
    return len(tickets)


EXPIRE = Sweep(
    "expire tickets",
    due=lambda now: _past(now).order_by("order_id").values_list("order_id", flat=True).distinct(),
    handle=_expire,
    every=60 * 60,
)


def _soon(now: dt.datetime) -> QuerySet[Ticket]:
    """Select open tickets in their last days of which nobody was told yet."""
    today = timezone.localdate(now)
    subject = Concat(Value("ticket:"), Cast(OuterRef("pk"), CharField()))
    told = Event.objects.filter(kind="ticket_expiring", subject=subject)
    window = (today, today + REMIND_BEFORE)
    return Ticket.objects.filter(state=State.ISSUED, valid_until__range=window).exclude(Exists(told))


def _remind(pk: int, now: dt.datetime) -> None:
    """Say to its holder that a ticket is about to expire: once, however many look."""
    ticket = Ticket.objects.select_for_update(of=("self",)).select_related("partner", "product").get(pk=pk)
    if not _soon(now).filter(pk=pk).exists():
        return
    events.emit(
        "ticket_expiring",
        subject=ticket,
        recipients=[f"resident:{ticket.resident_id}"],
        region=f"region:{ticket.partner.village_id}",
        facts={
            "what": ticket.product.title,
            "supplier": ticket.partner.name,
            "valid_until": ticket.valid_until.isoformat(),
        },
        occurred_at=now,
    )


REMIND = Sweep(
    "remind of tickets",
    due=lambda now: _soon(now).order_by("valid_until", "pk").values_list("pk", flat=True),
    handle=_remind,
    every=6 * 60 * 60,
)


def expire_tickets(*, now: dt.datetime | None = None) -> int:
    """Close tickets past their last day and give the points back (with the ledger's grace). Returns how many.

    Each order in a transaction of its own, so one that fails does not hold up the rest; running it twice is harmless.
    """
    return sum(sweeps.run(EXPIRE, now=now, at_once=True).results)
