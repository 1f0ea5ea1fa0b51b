"""What was handed over and brought back: one person asks, another decides."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.rewards.models.asking import Asked, asked_and_decided


class TicketReturn(Asked):
    """A ticket, or some of its pieces, taken back at the desk. Seen by the desk of the supplier's village; kept as
    long as its ticket.

    ``restock`` decides where it goes: on the shelf (for a given service: among the units that are left), or written
    off. A row more for each return asked for, which is rare.
    """

    ticket = models.ForeignKey("rewards.Ticket", models.PROTECT, related_name="returns", verbose_name=_("ticket"))
    quantity = models.PositiveIntegerField(_("pieces"), default=1)
    points = models.BigIntegerField(_("points given back"), default=0)  # 1/100, once approved
    restock = models.BooleanField(_("can be handed out again"), default=False)

    class Meta:
        verbose_name = _("return of a ticket")
        verbose_name_plural = _("returns of tickets")
        constraints = [
            *asked_and_decided("return"),
            models.CheckConstraint(condition=Q(quantity__gt=0, points__gte=0), name="return_quantity_positive"),
            # One request at a time; how many pieces are left to return, the ticket itself says.
            models.UniqueConstraint(fields=["ticket"], condition=Q(state="prepared"), name="return_asked_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.state}"
