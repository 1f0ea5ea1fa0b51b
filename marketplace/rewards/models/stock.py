"""Every change of stock, with who, when and why. The counters of a stock record are the sum of its movements."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RestockWish(models.Model):
    """That a resident wants to be told when something lies on the shelf again; told once.

    Seen by the resident (their own data) and by nobody else; deleted a year after it was told; grows with the wishes.
    """

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="wishes", verbose_name=_("stock record")
    )
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="restock_wishes", verbose_name=_("resident")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    told_at = models.DateTimeField(_("told at"), null=True, blank=True)

    class Meta:
        verbose_name = _("wish to be told of new stock")
        verbose_name_plural = _("wishes to be told of new stock")
        constraints = [
            models.UniqueConstraint(
                fields=["stockrecord", "resident"], condition=Q(told_at__isnull=True), name="restock_wish_once"
            )
        ]
        indexes = [models.Index(fields=["told_at"], name="restock_wish_told")]

    def __str__(self) -> str:
        return f"{self.resident_id}: {self.stockrecord_id}"


class StockMovement(models.Model):
    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("Received")
        REDEEM = "redeem", _("Redeemed")
        CANCEL = "cancel", _("Given back")
        HAND_OVER = "hand_over", _("Handed over")
        UNDO = "undo", _("Hand-over undone")
        RETURN = "return", _("Returned")
        COUNT = "count", _("Counted")
        WRITE_OFF = "write_off", _("Written off")
        OPENING = "opening", _("There at the beginning")
        SENT = "sent", _("Sent to another village")
        ARRIVED = "arrived", _("Come from another village")
        CAME_BACK = "came_back", _("Sending taken back")

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="movements", verbose_name=_("stock record")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    # Signed effect on what lies on the shelf and on what of it is promised.
    on_shelf = models.IntegerField(_("on the shelf"), default=0)
    promised = models.IntegerField(_("promised"), default=0)
    ticket = models.ForeignKey(
        "rewards.Ticket", models.PROTECT, null=True, blank=True, related_name="movements", verbose_name=_("ticket")
    )
    # What a second person approved: without it nothing is counted or written off the shelf.
    write_off = models.OneToOneField(
        "rewards.WriteOff", models.PROTECT, null=True, blank=True, related_name="movement", verbose_name=_("write-off")
    )
    # Written before fewer pieces had to be approved: set by the migration that brought the rule, by nothing else.
    before_write_offs = models.BooleanField(default=False, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    batch = models.CharField(_("batch"), max_length=40, blank=True)
    use_by = models.DateField(_("use by"), null=True, blank=True)
    cost_fen = models.PositiveBigIntegerField(_("cost of all (fen)"), null=True, blank=True)

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ["occurred_at", "pk"]
        indexes = [models.Index(fields=["stockrecord", "occurred_at"], name="movement_stockrecord_at")]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="movement_quantity_positive"),
            # Who lowers stock alone could carry it home. What leaves otherwise has a ticket, or is counted elsewhere.
            models.CheckConstraint(
                condition=Q(on_shelf__gte=0)
                | Q(kind__in=["hand_over", "write_off"], ticket__isnull=False)
                | Q(kind="sent")
                | Q(kind__in=["count", "write_off"], write_off__isnull=False)
                | Q(kind__in=["count", "write_off"], before_write_offs=True),
                name="movement_lowered_by_two",
            ),
            # The same ticket takes and gives back its promise once; what is returned may come back piece by piece.
            models.UniqueConstraint(
                fields=["ticket", "kind"],
                condition=Q(kind__in=["redeem", "cancel"], ticket__isnull=False),
                name="movement_once_per_ticket",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} {self.kind} {self.quantity}"
