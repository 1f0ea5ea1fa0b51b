"""What lay on the shelves when a village began: counted by one person, confirmed by another."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models.base import Decision, Prepared


class OpeningCount(Prepared):
    """A first count at a supplier; nothing lies on the shelf before it is confirmed.

    Seen by the desk of the supplier's village; kept for good, as the beginning of its stock. One or two for each shelf.
    """

    partner = models.ForeignKey("partner.Partner", models.PROTECT, related_name="opening_counts")
    counted_on = models.DateField(_("counted on"))
    paper = models.CharField(_("what it is written on"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("opening count")
        verbose_name_plural = _("opening counts")
        constraints = [
            models.CheckConstraint(
                condition=Q(state=Decision.PREPARED, approved_by__isnull=True, approved_at__isnull=True)
                | (~Q(state=Decision.PREPARED) & Q(approved_by__isnull=False, approved_at__isnull=False)),
                name="opening_count_decided_by",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=models.F("prepared_by")),
                name="opening_count_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.counted_on}"


class OpeningCountLine(models.Model):
    """One thing and how many of it were there. A thing has one opening count that stands (``is_live``)."""

    count = models.ForeignKey(OpeningCount, models.PROTECT, related_name="lines")
    stockrecord = models.ForeignKey("partner.StockRecord", models.PROTECT, related_name="opening_lines")
    units = models.PositiveIntegerField(_("pieces"))
    is_live = models.BooleanField(default=True)  # not declined

    class Meta:
        verbose_name = _("line of an opening count")
        verbose_name_plural = _("lines of an opening count")
        constraints = [
            models.UniqueConstraint(
                fields=["stockrecord"], condition=Q(is_live=True), name="opening_line_once_per_stockrecord"
            )
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id}: {self.units}"
