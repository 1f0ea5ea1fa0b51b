"""Tickets: the list, the ticket itself, what was redeemed in one go, and taking it back."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.rewards import selectors, services
from marketplace.rewards.forms import ReasonForm
from marketplace.rewards.models import Redemption, Ticket
from marketplace.rewards.rules import RETURN_TICKET
from marketplace.rewards.services.common import is_staff_of
from timebank.common import counts
from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.common.numbers import format_points_with_unit
from timebank.ledger import selectors as ledger_read
from timebank.registry.models import Resident
from timebank.registry.requests import SignedInRequest
from timebank.registry.rules import can, can_act_for
from timebank.registry.selectors import acting_resident, on_behalf_of

State = Ticket.State


@require_safe
@login_required
def tickets(request: HttpRequest) -> HttpResponse:
    """List what waits to be collected, or what is done."""
    resident = acting_resident(request)
    done = request.GET.get("show") == "done"
    page = None
    if resident is not None:
        tickets = selectors.tickets_of(resident, is_open=not done)
        page = Paginator(tickets, 20).get_page(read_page(request.GET.get("page")))
    waiting = counts.of_page(request, "tickets")
    here = reverse("rewards:tickets")
    tabs = [
        {"label": _("To collect"), "href": here, "active": not done, "count": waiting},
        {"label": _("Done"), "href": f"{here}?show=done", "active": done},
    ]
    return render(request, "rewards/tickets.html", {"page": page, "tabs": tabs, "done": done, "resident": resident})


@require_safe
def ticket_by_qr(request: HttpRequest, code: str) -> HttpResponse:
    """Lead from the QR's upper-case address to the ticket's own."""
    return redirect("rewards:ticket", code=code.upper(), permanent=False)


@require_safe
@login_required
def ticket(request: SignedInRequest, code: str) -> HttpResponse:
    """Show a ticket to its holder; to a clerk, with the button that hands it over."""
    acting = acting_resident(request)
    ticket = selectors.ticket_for(request.user, code, acting)
    is_mine = can_act_for(request.user, ticket.resident, on_behalf_of(request))
    serves = is_staff_of(request.user, ticket.partner)
    context: dict[str, Any] = {
        "ticket": ticket,
        "place": " · ".join(part for part in (ticket.partner.display_name, ticket.partner.place) if part),
        "is_mine": is_mine,
        "serves": serves,
        "may_return": ticket.state == State.HANDED_OVER and can(request.user, RETURN_TICKET, ticket.partner.village),
        "nonce": uuid.uuid4() if serves and ticket.is_open else None,
        "events": selectors.ticket_timeline(ticket),
    }
    return render(request, "rewards/ticket.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def cancel(request: SignedInRequest, code: str) -> HttpResponse:
    """Ask once, then cancel one ticket and give the points back."""
    acting = acting_resident(request)
    ticket = selectors.ticket_for(request.user, code, acting)
    back = reverse("rewards:ticket", args=[ticket.code])

    def do(reason: str) -> None:
        services.cancel_ticket(ticket=ticket, actor=request.user, reason=reason, on_behalf_of=on_behalf_of(request))

    return _cancel(request, ticket.resident, [ticket], do, back)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def cancel_all(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Ask once, then cancel what of a redemption was not yet handed over."""
    acting = acting_resident(request)
    redemption = selectors.redemption_for(request.user, key, acting)
    back = reverse("rewards:redemption", args=[redemption.key])

    def do(reason: str) -> None:
        services.cancel_redemption(
            redemption=redemption, actor=request.user, reason=reason, on_behalf_of=on_behalf_of(request)
        )

    return _cancel(request, redemption.resident, [row for row in redemption.tickets.all() if row.is_open], do, back)


def _cancel(request: HttpRequest, holder: Resident, tickets: list[Ticket], do: Any, back: str) -> HttpResponse:
    is_mine = can_act_for(request.user, holder, on_behalf_of(request))
    form = ReasonForm(request.POST if request.method == "POST" else None, reason_required=not is_mine)
    error = None
    status = 200
    points = sum(ticket.points for ticket in tickets)
    if request.method == "POST":
        if form.is_valid():
            try:
                do(form.cleaned_data["reason"])
            except DomainError as refusal:
                error, status = refusal, refusal.status
            else:
                text = _("Cancelled. %(points)s are back in your account.")
                messages.success(request, text % {"points": format_points_with_unit(points)})
                return redirect(back)
        else:
            status = 422
    context = {
        "tickets": tickets,
        "points": points,
        "form": form,
        "error": error,
        "back": back,
        "is_mine": is_mine,
    }
    return render(request, "rewards/cancel.html", context, status=status)


@require_safe
@login_required
def redemption(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Show what was redeemed in one go: the same address for ever, always with the present state."""
    acting = acting_resident(request)
    redemption = selectors.redemption_for(request.user, key, acting)
    is_mine = can_act_for(request.user, redemption.resident, on_behalf_of(request))
    open_tickets = [row for row in redemption.tickets.all() if row.is_open]
    context = {
        "redemption": redemption,
        "places": _by_place(redemption),
        "is_mine": is_mine,
        "can_cancel": is_mine and bool(open_tickets),
        "open_points": sum(row.points for row in open_tickets),
        "balance": ledger_read.balance_of(redemption.resident.wallet_key) if is_mine else None,
    }
    return render(request, "rewards/redemption.html", context)


def _by_place(redemption: Redemption) -> list[dict[str, Any]]:
    places: dict[int, dict[str, Any]] = {}
    for item in redemption.tickets.all():
        places.setdefault(item.partner_id, {"partner": item.partner, "tickets": []})["tickets"].append(item)
    return list(places.values())
