"""Taking back what was handed over: one person asks, another decides, on one page."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import DecideReturnForm, ReturnForm
from marketplace.desk.scope import desk, to
from marketplace.desk.views.common import person
from marketplace.rewards.models import Ticket, TicketReturn
from marketplace.rewards.rules import APPROVE_RETURN, RETURN_TICKET
from marketplace.rewards.selectors import ticket_timeline
from marketplace.rewards.services import ask_return, decide_return, withdraw_return
from marketplace.rewards.services.returning import can_restock
from timebank.common.errors import DomainError
from timebank.registry.rules import VIEW_VILLAGE, can


@require_http_methods(["GET", "HEAD", "POST"])
@desk(VIEW_VILLAGE)
def ticket_return(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show a ticket that was handed over; ask to take it back, or decide what somebody asked."""
    ticket = selectors.ticket_to_return(request.user, pk)
    asked = ticket.returns.select_related("prepared_by", "approved_by").order_by("-pk").first()
    waits = asked is not None and asked.state == TicketReturn.State.PREPARED
    village = ticket.partner.village
    may_ask = can(request.user, RETURN_TICKET, village)
    may_decide = can(request.user, APPROVE_RETURN, village)
    sent = request.POST if request.method == "POST" else None
    form: ReturnForm | DecideReturnForm
    if waits:
        form = DecideReturnForm(sent)
    else:
        form = ReturnForm(sent, can_restock=can_restock(ticket), pieces=ticket.quantity)
    is_mine = waits and asked is not None and asked.prepared_by_id == person(request).pk
    if sent is not None and "withdraw" in sent:
        return _withdraw(request, asked, pk)
    if sent is not None:
        if not (may_decide if waits else may_ask):
            raise PermissionDenied
        if form.is_valid() and _write(request, ticket, asked, form):
            return to(request, "desk:ticket_return", pk=pk)
    context = {
        "ticket": ticket,
        "asked": asked,
        "waits": waits,
        "form": form,
        "may_ask": may_ask and not waits and ticket.state == Ticket.State.HANDED_OVER,
        "may_decide": may_decide and waits and not is_mine,
        "is_mine": is_mine,
        "points_back": ticket.points * asked.quantity // ticket.quantity if waits and asked else 0,
        "events": ticket_timeline(ticket),
    }
    return render(request, "desk/ticket_return.html", context, status=422 if form.errors else 200)


def _withdraw(request: HttpRequest, asked: TicketReturn | None, pk: int) -> HttpResponseBase:
    """Let who asked take the request back; somebody else may have decided meanwhile."""
    if asked is None or asked.prepared_by_id != person(request).pk:
        raise PermissionDenied
    try:
        withdraw_return(asked=asked, actor=person(request))
        messages.success(request, _("Withdrawn. Nothing has moved."))
    except DomainError as error:
        messages.error(request, str(error))
    return to(request, "desk:ticket_return", pk=pk)


def _write(
    request: HttpRequest, ticket: Ticket, asked: TicketReturn | None, form: ReturnForm | DecideReturnForm
) -> bool:
    """Write what was asked or decided; a refusal is shown in the form."""
    data = form.cleaned_data
    actor = person(request)
    try:
        if isinstance(form, ReturnForm):
            restock = data.get("restock") == "yes"
            form.once(
                actor=actor,
                scope=f"ask_return:{ticket.pk}",
                create=lambda: ask_return(
                    ticket=ticket,
                    actor=actor,
                    reason=data["reason"],
                    restock=restock,
                    quantity=data.get("quantity", 1),
                ),
            )
            messages.success(request, _("Written down. A second person decides."))
        else:
            assert asked is not None  # noqa: S101 - this form is shown for a return that waits
            approve = "approve" in request.POST
            decide_return(asked=asked, actor=actor, approve=approve, reason=data["reason"])
            messages.success(
                request, _("Taken back. The points are in the account again.") if approve else _("Declined.")
            )
    except DomainError as error:
        if error.status == 403:
            raise
        form.refuse(error)
        return False
    return True
