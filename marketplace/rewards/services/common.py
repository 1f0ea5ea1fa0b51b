"""What redeem, cancel and hand-over share: locks in one order, who may, and the states that follow from tickets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from marketplace.order.models import Order, OrderNote
from marketplace.partner.models import Partner
from marketplace.rewards.models import Redemption, Ticket, TicketEvent
from marketplace.rewards.rules import HAND_OVER
from timebank.registry.models import Resident, User
from timebank.registry.rules import can

State = Ticket.State


def person(user: User | None) -> str:
    """Name an actor for the ledger."""
    return f"user:{user.pk}" if user is not None and user.pk else "system"


def someone(resident: Resident | None) -> str:
    """Name for the ledger whom an actor acts for."""
    return f"resident:{resident.pk}" if resident is not None else ""


def is_staff_of(user: User | None, partner: Partner, action: str = HAND_OVER) -> bool:
    """Tell whether ``user`` serves at ``partner``: by the village's role or the supplier's own."""
    if user is None or not user.is_authenticated:
        return False
    return can(user, action, region=partner.village, organisation=partner.organisation)


def lock_orders(ids: Iterable[int]) -> dict[int, Order]:
    """Lock orders by id, ascending: the first lock of whoever changes a ticket."""
    rows = Order.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return {order.pk: order for order in rows}


def lock_tickets(ids: Iterable[int]) -> list[Ticket]:
    """Lock tickets by id, ascending, and read them anew."""
    rows = Ticket.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return list(rows.select_related("redemption", "partner__village", "partner__organisation", "resident", "product"))


def whole_state(states: Iterable[str]) -> str:
    """Say what the states of all tickets make of their order or redemption."""
    unique = set(states)
    if State.ISSUED in unique:
        return "partly_handed_over" if State.HANDED_OVER in unique else "placed"
    for state in (State.HANDED_OVER, State.RETURNED, State.CANCELLED, State.EXPIRED):
        if state in unique:
            return state.value
    return "cancelled"


def update_states(orders: Sequence[Order], *, actor: User | None, reason: str = "") -> None:
    """Let orders and their redemptions follow their tickets; keep each change and its reason. Orders are locked."""
    redemptions = sorted({order.redemption_id for order in orders if order.redemption_id})
    # Two orders of one redemption may change at once: whoever counts second must see the first.
    list(
        Redemption.objects.select_for_update(no_key=True)
        .filter(pk__in=redemptions)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    by_order: dict[int, list[str]] = {}
    by_redemption: dict[int, list[str]] = {}
    rows = Ticket.objects.filter(redemption_id__in=redemptions).values_list("order_id", "redemption_id", "state")
    for order_id, redemption_id, state in rows:
        by_order.setdefault(order_id, []).append(state)
        by_redemption.setdefault(redemption_id, []).append(state)
    notes = []
    for order in orders:
        new = whole_state(by_order.get(order.pk, []))
        if reason:
            notes.append(OrderNote(order=order, user=actor, note_type=OrderNote.SYSTEM, message=reason))
        order.set_status(new)
    if notes:
        OrderNote.objects.bulk_create(notes)
    for pk in redemptions:
        new = whole_state(by_redemption.get(pk, []))
        Redemption.objects.filter(pk=pk).exclude(state=new).update(state=new)


def log_events(
    tickets: Sequence[Ticket], what: str, *, actor: User | None, now: dt.datetime, reason: str = "", device: str = ""
) -> None:
    """Add one event a ticket."""
    TicketEvent.objects.bulk_create(
        [
            TicketEvent(ticket=ticket, what=what, actor=actor, occurred_at=now, reason=reason, device=device)
            for ticket in tickets
        ]
    )
