"""Goods on their way from one village to another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import person_field


class StockTransfer(models.Model):
    """So many of a thing, sent by one village's keeper and counted by another's. Never both ends by one person.

    Seen by the desks of both villages; kept for good, as the stock movements are. A row for each sending.
    """

    class State(models.TextChoices):
        SENT = "sent", _("On its way")
        RECEIVED = "received", _("Arrived")
        CANCELLED = "cancelled", _("Taken back")

    stockrecord = models.ForeignKey("partner.StockRecord", models.PROTECT, related_name="transfers_out")
    target = models.ForeignKey("partner.Partner", models.PROTECT, related_name="transfers_in")
    quantity = models.PositiveIntegerField(_("sent"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.SENT)
    sent_by = person_field(_("sent by"))
    sent_at = models.DateTimeField(_("sent at"), default=timezone.now)
    movement = models.OneToOneField("rewards.StockMovement", models.PROTECT, related_name="+")
    # Set when somebody has counted what came, or taken the sending back.
    closed_by = person_field(_("closed by"), required=False)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    counted = models.PositiveIntegerField(_("arrived"), null=True, blank=True)
    difference = models.CharField(_("why another number arrived"), max_length=200, blank=True)
    arrived_at = models.ForeignKey("partner.StockRecord", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("transfer of stock")
        verbose_name_plural = _("transfers of stock")
        ordering = ["-sent_at", "-pk"]
        indexes = [models.Index(fields=["target", "state"], name="stock_transfer_target")]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="stock_transfer_quantity"),
            models.CheckConstraint(
                condition=Q(state="sent", closed_by__isnull=True, closed_at__isnull=True, counted__isnull=True)
                | Q(state="received", closed_by__isnull=False, closed_at__isnull=False, counted__isnull=False)
                | Q(state="cancelled", closed_by__isnull=False, closed_at__isnull=False, counted__isnull=True),
                name="stock_transfer_closed",
            ),
            models.CheckConstraint(
                condition=~Q(state="received") | ~Q(closed_by=F("sent_by")), name="stock_transfer_two_persons"
            ),
            models.CheckConstraint(
                condition=Q(counted__isnull=True) | Q(counted=F("quantity")) | ~Q(difference=""),
                name="stock_transfer_difference_explained",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} → {self.target_id}: {self.quantity}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"received": "good", "cancelled": "quiet"}.get(self.state, "warn")
