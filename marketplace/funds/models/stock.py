"""What the goods on the shelf cost: batches, what left them, and what is owed for goods bought."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import above_zero, known_state


class Batch(models.Model):
    """Goods that came in together: how many are left and what they cost. Locked right after the stock record."""

    class Source(models.TextChoices):
        BOUGHT = "bought", _("Bought")
        DELIVERY = "delivery", _("Given")
        COUNT = "count", _("Found when counting")
        MOVED = "moved", _("From another village")
        OPENING = "opening", _("There when the village began")

    stockrecord = models.ForeignKey("partner.StockRecord", models.PROTECT, related_name="batches")
    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="+")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="batches")
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    movement_id = models.BigIntegerField(_("movement"), unique=True)
    reference = models.CharField(max_length=60, blank=True)  # "delivery:12"
    donor = models.CharField(_("given by"), max_length=120, blank=True)
    use_by = models.DateField(_("use by"), null=True, blank=True)
    units = models.PositiveIntegerField(_("units"))
    units_left = models.PositiveIntegerField(_("units left"))
    fen = models.BigIntegerField(_("value"), default=0)
    fen_left = models.BigIntegerField(_("value left"), default=0)
    valued_at = models.DateTimeField(_("valued at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = [
            models.Index(fields=["stockrecord", "use_by"], condition=Q(units_left__gt=0), name="funds_batch_left")
        ]
        constraints = [
            known_state("batch", "bought delivery count moved opening", "source"),
            models.CheckConstraint(condition=Q(units__gt=0, units_left__lte=F("units")), name="funds_batch_units"),
            models.CheckConstraint(condition=Q(fen_left__gte=0, fen_left__lte=F("fen")), name="funds_batch_value"),
            models.CheckConstraint(condition=Q(units_left__gt=0) | Q(fen_left=0), name="funds_batch_empty_no_value"),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} {self.units_left}/{self.units}"


class BatchUse(models.Model):
    """Units that left a batch by one stock movement, at what value; brought back when the movement is undone."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="uses")
    movement_id = models.BigIntegerField(_("movement"), db_index=True)
    ticket_id = models.BigIntegerField(_("ticket"), null=True, db_index=True)
    units = models.PositiveIntegerField(_("units"))
    fen = models.BigIntegerField(_("value"), default=0)
    transfer_id = models.BigIntegerField(null=True, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("use of a batch")
        verbose_name_plural = _("uses of a batch")
        constraints = [
            models.UniqueConstraint(fields=["batch", "movement_id"], name="funds_batch_use_once"),
            models.CheckConstraint(condition=Q(units__gt=0, fen__gte=0), name="funds_batch_use_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} −{self.units}"


class Purchase(models.Model):
    """Goods bought for the shelf: what the supplier who bought them is owed, on its next statement."""

    class State(models.TextChoices):
        OPEN = "open", _("Not yet on a statement")
        LISTED = "listed", _("On a statement")
        SETTLED = "settled", _("Paid")

    movement_id = models.BigIntegerField(_("movement"), unique=True)
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="purchases")
    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="purchases")
    stockrecord = models.ForeignKey("partner.StockRecord", models.PROTECT, related_name="+")
    units = models.PositiveIntegerField(_("units"))
    fen = models.BigIntegerField(_("cost"))
    bought_on = models.DateField(_("bought on"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    transfer_id = models.BigIntegerField(unique=True, editable=False)
    statement = models.ForeignKey("funds.Statement", models.PROTECT, null=True, related_name="purchases")

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        constraints = [
            known_state("purchase", "open listed settled"),
            above_zero("purchase"),
            models.CheckConstraint(
                condition=Q(state="open", statement__isnull=True) | (~Q(state="open") & Q(statement__isnull=False)),
                name="funds_purchase_statement",
            ),
        ]

    def __str__(self) -> str:
        return f"movement:{self.movement_id} {self.fen}"
