"""What was handed over and brought back: one person asks, another decides."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Decision, Prepared


class TicketReturn(Prepared):
    """A whole ticket taken back at the desk. Seen by the desk of the supplier's village; kept as long as its ticket.

    ``restock`` decides where it goes: on the shelf (for a given service: among the units that are left), or written
    off. A row more for each return asked for, which is rare.
    """

    ticket = models.ForeignKey("rewards.Ticket", models.PROTECT, related_name="returns", verbose_name=_("ticket"))
    reason = models.CharField(_("reason"), max_length=200)
    restock = models.BooleanField(_("can be handed out again"), default=False)

    class Meta:
        verbose_name = _("return of a ticket")
        verbose_name_plural = _("returns of tickets")
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("prepared_by")), name="return_two_persons"
            ),
            models.CheckConstraint(
                condition=Q(state=Decision.PREPARED, approved_by__isnull=True, approved_at__isnull=True)
                | Q(
                    state__in=[Decision.APPROVED, Decision.DECLINED],
                    approved_by__isnull=False,
                    approved_at__isnull=False,
                ),
                name="return_decided_by",
            ),
            # A ticket is asked for once at a time, and taken back once.
            models.UniqueConstraint(
                fields=["ticket"], condition=~Q(state=Decision.DECLINED), name="return_once_per_ticket"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.state}"
