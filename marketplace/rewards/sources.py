"""What redemptions and tickets are in a statement of points."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.rewards.models import Redemption, Ticket
from timebank.ledger.describing import Description

PAID = frozenset({"redeem"})


def describe_redemptions(keys: Iterable[str]) -> dict[str, Description]:
    """Describe redemptions by id: what was redeemed where; each supplier's share apart."""
    ids = [int(key) for key in keys if key.isdecimal()]
    tickets = Prefetch("tickets", Ticket.objects.select_related("product", "partner").order_by("pk"))
    redemptions = Redemption.objects.prefetch_related(tickets).in_bulk(ids)
    return {str(pk): _describe_redemption(redemption) for pk, redemption in redemptions.items()}


def _describe_redemption(redemption: Redemption) -> Description:
    wanted: dict[str, dict[str, int]] = {}
    places: dict[str, None] = {}
    for ticket in redemption.tickets.all():
        counts = wanted.setdefault(ticket.partner.escrow_key, {})
        title = ticket.product.get_title()
        counts[title] = counts.get(title, 0) + ticket.quantity
        places[ticket.partner.display_name] = None
    parts = {
        account: _(", ").join(f"{title} × {count}" if count > 1 else title for title, count in counts.items())
        for account, counts in wanted.items()
    }
    return Description(
        title=_(", ").join(parts.values()),
        href=reverse("rewards:redemption", args=[redemption.key]),
        icon="basket",
        explanation=(_("Redeemed at %(places)s.") % {"places": _(", ").join(places)},),
        kinds=PAID,
        parts=parts,
    )


def describe_tickets(keys: Iterable[str]) -> dict[str, Description]:
    """Describe tickets by code: what was given back, and why."""
    tickets = Ticket.objects.filter(code__in=set(keys)).select_related("product")
    reasons = {
        "expired": _("The ticket was not collected in time."),
        "returned": _("What was handed over was returned."),
        "": _("The ticket was cancelled."),
    }
    return {
        ticket.code: Description(
            title=_("Given back: %(reward)s") % {"reward": ticket.product.get_title()},
            href=reverse("rewards:ticket", args=[ticket.code]),
            icon="undo",
            reasons=reasons,
        )
        for ticket in tickets
    }
