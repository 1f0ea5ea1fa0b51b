"""Do tickets and money tell the same? The part of ``check_funds`` that knows tickets."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from marketplace.funds.models import Commitment, DrawDown
from marketplace.funds.selectors.equation import Difference
from marketplace.rewards.models import Ticket

State = Ticket.State


def ticket_differences() -> Iterable[Difference]:
    """Yield where a ticket and what it was promised, or what it cost, do not agree."""
    issued = Ticket.objects.filter(state=State.ISSUED).values("pk")
    handed_over = Ticket.objects.filter(state=State.HANDED_OVER).values("pk")
    promised = Commitment.objects.filter(state=Commitment.State.OPEN)
    for row in promised.exclude(ticket_id__in=issued).order_by("pk")[:1]:
        yield Difference(f"promised to a ticket that is not open: {row}", row.fen, 0)
    other = Commitment.objects.exclude(state=Commitment.State.OPEN)
    for row in other.filter(ticket_id__in=issued).order_by("pk")[:1]:
        yield Difference(f"an open ticket that is not promised: {row}", 0, row.fen)
    live = DrawDown.objects.exclude(state=DrawDown.State.REVERSED)
    for draw in live.exclude(ticket_id__in=handed_over).order_by("pk")[:1]:
        yield Difference(f"owed for a ticket that is not handed over: {draw}", draw.fen, 0)
    cash = Q(kind=Commitment.Kind.CASH) | Q(kind=Commitment.Kind.UNPRICED)
    # (what was objected to with right is let go: its ticket costs nothing)
    drawn = Commitment.objects.filter(cash, state=Commitment.State.DRAWN, ticket_id__in=handed_over)
    for row in drawn.exclude(ticket_id__in=live.values("ticket_id")).order_by("pk")[:1]:
        yield Difference(f"nothing is owed for a ticket that is handed over: {row}", 0, row.fen)
