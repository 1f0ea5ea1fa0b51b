"""Tickets and redemptions, seen only by their holder, the holder's helpers and those who hand over."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, IntegerField, Prefetch, Q, QuerySet, Value, When
from django.http import Http404
from django.utils import timezone

from marketplace.partner.models import Partner
from marketplace.rewards import codes
from marketplace.rewards.models import Redemption, Ticket, TicketEvent
from marketplace.rewards.rules import HAND_OVER
from marketplace.rewards.services.common import is_staff_of
from timebank.registry.models import Region, Resident, User
from timebank.registry.rules import can_act_for, organisations_where, regions_where

State = Ticket.State
_RELATED = ("partner__village", "partner__organisation", "product", "resident", "redemption")


def tickets_of(resident: Resident, *, is_open: bool | None = None) -> QuerySet[Ticket]:
    """Select a resident's tickets: those to collect first, the soonest ending on top, then the rest, newest first."""
    tickets = Ticket.objects.filter(resident=resident).select_related("partner", "product")
    if is_open is not None:
        tickets = tickets.filter(state=State.ISSUED) if is_open else tickets.exclude(state=State.ISSUED)
    first = Case(When(state=State.ISSUED, then=Value(0)), default=Value(1), output_field=IntegerField())
    if is_open:
        return tickets.order_by("valid_until", "partner_id", "pk")
    return tickets.order_by(first, "-issued_at", "-pk")


def waiting_for(resident: Resident) -> QuerySet[Ticket]:
    """Select what waits to be collected."""
    return Ticket.objects.filter(resident=resident, state=State.ISSUED)


def may_see(actor: User, ticket: Ticket, acting_for: Resident | None = None) -> bool:
    """Tell whether ``actor`` may look at a ticket: holder, helper, or who hands it over."""
    return can_act_for(actor, ticket.resident, acting_for) or is_staff_of(actor, ticket.partner)


def ticket_for(actor: User, code: str, acting_for: Resident | None = None) -> Ticket:
    """Return a ticket by its code; 404 to strangers, as for one that does not exist."""
    ticket = Ticket.objects.filter(code=codes.normalise(code)).select_related(*_RELATED, "order", "handed_over_by")
    result = ticket.first()
    if result is None or not may_see(actor, result, acting_for):
        raise Http404
    return result


def ticket_timeline(ticket: Ticket) -> list[dict[str, Any]]:
    """List what happened to a ticket, for the timeline component."""
    tones = {"issued": "wheat", "handed_over": "good", "undone": "warn", "expired": "warn"}
    return [
        {
            "when": event.occurred_at,
            "what": event.get_what_display(),
            "actor": event.actor.name if event.actor else "",
            "reason": event.reason,
            "tone": tones.get(event.what, "quiet"),
        }
        for event in ticket.events.select_related("actor")
    ]


def redemption_for(actor: User, key: uuid.UUID | str, acting_for: Resident | None = None) -> Redemption:
    """Return a redemption with its tickets; 404 to strangers."""
    tickets = Ticket.objects.select_related("partner", "product").order_by("partner_id", "pk")
    redemption = (
        Redemption.objects.filter(key=key)
        .select_related("resident", "actor")
        .prefetch_related(Prefetch("tickets", queryset=tickets))
        .first()
    )
    if redemption is None:
        raise Http404
    if can_act_for(actor, redemption.resident, acting_for):
        return redemption
    partners = {ticket.partner for ticket in redemption.tickets.all()}
    if partners and all(is_staff_of(actor, partner) for partner in partners):
        return redemption
    raise Http404


def counters_of(user: User, action: str = HAND_OVER) -> QuerySet[Partner]:
    """Select the suppliers at whose counter ``user`` may serve."""
    where = Q(village__in=regions_where(user, action)) | Q(organisation__in=organisations_where(user, action))
    return (
        Partner.objects.filter(where, is_active=True).select_related("village", "organisation").order_by("name", "pk")
    )


def tickets_today(
    actor: User, *, partner: Partner | None = None, village: Region | None = None, day: dt.date | None = None
) -> QuerySet[Ticket]:
    """Select what was handed over on ``day`` (today) at the counters where ``actor`` serves, newest first."""
    start = timezone.make_aware(dt.datetime.combine(day or timezone.localdate(), dt.time.min))
    tickets = Ticket.objects.filter(
        partner__in=counters_of(actor), handed_over_at__gte=start, handed_over_at__lt=start + dt.timedelta(days=1)
    )
    if partner is not None:
        tickets = tickets.filter(partner=partner)
    if village is not None:
        tickets = tickets.filter(partner__village__path__startswith=village.path)
    return tickets.select_related(*_RELATED, "handed_over_by").order_by("-handed_over_at", "-pk")


def events_of(tickets: Iterable[Ticket]) -> QuerySet[TicketEvent]:
    """Select the events of tickets, oldest first."""
    return TicketEvent.objects.filter(ticket__in=tickets).select_related("actor")


def redemption_exists(key: uuid.UUID) -> bool:
    """Tell whether anything was redeemed under ``key``."""
    return Redemption.objects.filter(key=key).exists()
