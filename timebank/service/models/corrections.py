"""What was booked on top of a record's price, because a record before it was reversed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.service.models.records import Record


class PointCorrection(models.Model):
    """The difference that a reversal made to a later record of the same window. Written once, kept for ever."""

    record = models.ForeignKey(Record, models.PROTECT, related_name="corrections", verbose_name=_("record"))
    cause = models.ForeignKey(Record, models.PROTECT, related_name="caused_corrections", verbose_name=_("because of"))
    points = models.BigIntegerField(_("difference (1/100)"))
    quote = models.JSONField(_("why this many points"), default=dict)
    transfer_key = models.CharField(_("transfer"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("correction of points")
        verbose_name_plural = _("corrections of points")
        constraints = [
            models.UniqueConstraint(fields=["record", "cause"], name="correction_once_per_cause"),
            models.CheckConstraint(condition=~Q(points=0), name="correction_of_something"),
        ]
        indexes = [models.Index(fields=["cause"], name="correction_cause")]

    def __str__(self) -> str:
        return f"{self.record_id}: {self.points}"
