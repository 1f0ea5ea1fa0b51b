"""What a redemption costs the fund: the only place where rewards speak of tickets to the funds.

Where no fund stands nothing happens, at the price of one statement.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.utils import timezone

from marketplace.funds.services import drawing, goods, promising
from marketplace.funds.services.goods import Moved
from marketplace.funds.services.promising import Plan
from marketplace.funds.types import Handed, Wanted
from marketplace.rewards.models import StockMovement, Ticket
from timebank.registry.models import Resident, User

if TYPE_CHECKING:
    from marketplace.rewards.services.redemption.checking import RedemptionLine


def age_on(resident: Resident, day: dt.date) -> int | None:
    """Return the age of a resident on a day; nothing when the birth date is not known."""
    born = resident.birth_date
    if born is None:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def handed(ticket: Ticket, resident: Resident, day: dt.date) -> Handed:
    """Say of a ticket what the funds are told."""
    return Handed(
        ticket_id=ticket.pk,
        n=max(ticket.hand_overs, 1),
        stockrecord_id=ticket.stockrecord_id,
        partner_id=ticket.partner_id,
        product_id=ticket.product_id,
        village_id=resident.village_id,
        age=age_on(resident, day),
        quantity=ticket.quantity,
        on=day,
    )


def check_cover(resident: Resident, lines: Sequence[RedemptionLine], now: dt.datetime) -> Plan | None:
    """Refuse lines that draw money while the fund is below its floor. Raises ``FundNotCovered``."""
    day = timezone.localdate(now)
    wanted = [
        Wanted(line.record.pk, line.partner.pk, line.product.pk, line.quantity, line.is_stocked) for line in lines
    ]
    return promising.check_cover(village=resident.village, age=age_on(resident, day), wanted=wanted, on=day, now=now)


def promise(plan: Plan | None, resident: Resident, tickets: Sequence[Ticket], now: dt.datetime) -> None:
    """Write what the issued tickets will cost."""
    day = timezone.localdate(now)
    promising.commit(
        tickets=[handed(ticket, resident, day) for ticket in tickets],
        stocked=[ticket.is_stocked for ticket in tickets],
        plan=plan,
        now=now,
    )


def draw(ticket: Ticket, *, actor: User | None, now: dt.datetime) -> None:
    """Owe the supplier for a ticket just handed over, after the points were posted."""
    drawing.draw(handed=handed(ticket, ticket.resident, timezone.localdate(now)), actor=actor, now=now)


def undraw(ticket: Ticket, *, actor: User | None, now: dt.datetime) -> None:
    """Take back what an undone hand-over cost."""
    drawing.undraw(ticket_id=ticket.pk, n=max(ticket.hand_overs, 1), actor=actor, now=now)


def give_back(ticket: Ticket, *, restock: bool, actor: User, reason: str, now: dt.datetime) -> None:
    """Take back what a ticket cost that was returned after its hand-over; after the points were posted."""
    drawing.return_(ticket_id=ticket.pk, restock=restock, actor=actor, reason=reason, now=now)


def give_back_part(ticket: Ticket, *, restock: bool, actor: User, reason: str, now: dt.datetime) -> None:
    """Take back what the returned pieces of a ticket cost; ``ticket`` says already what stays."""
    day = timezone.localdate(ticket.handed_over_at)
    drawing.return_part(
        handed=handed(ticket, ticket.resident, day), restock=restock, actor=actor, reason=reason, now=now
    )


def release(tickets: Iterable[Ticket], now: dt.datetime) -> None:
    """Let go what closed tickets were promised."""
    promising.release(ticket_ids=[ticket.pk for ticket in tickets], now=now)


def follow_stock(
    kind: str, moves: Sequence[StockMovement], *, actor: User | None, now: dt.datetime, keep: int = 0
) -> None:
    """Let the value of goods follow them off the shelf, or back; ``keep``: so many of a ticket's units stay away."""
    if kind == StockMovement.Kind.HAND_OVER:
        moved = [
            Moved(move.pk, move.stockrecord_id, move.ticket.partner_id, move.quantity, move.ticket_id)  # type: ignore[union-attr]
            for move in moves
        ]
        goods.stock_left(moved=moved, actor=actor)
    elif kind in {StockMovement.Kind.UNDO, StockMovement.Kind.RETURN}:
        for move in moves:
            if move.ticket_id is not None:
                goods.stock_back(ticket_id=move.ticket_id, movement_id=move.pk, keep=keep, actor=actor, now=now)
