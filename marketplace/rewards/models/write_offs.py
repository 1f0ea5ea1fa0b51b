"""Fewer pieces than the books say: asked by one person, decided by another."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.rewards.models.asking import Asked, asked_and_decided


class WriteOff(Asked):
    """So many pieces less of a thing: broken, not found in a count, or lost on the way from another village.

    ``missing`` is how many, not what is left, so that what moves before the decision does not matter. What was lost on
    the way lies on no shelf: approved, it stays lost; declined or withdrawn, it comes to the shelf that counted it.
    Seen by the desk of the supplier's village; kept for good, as the stock movements are. A row for each one asked.
    """

    class Kind(models.TextChoices):
        WRITE_OFF = "write_off", _("Broken or spoiled")
        COUNT = "count", _("Fewer in a count")
        LOST = "lost", _("Lost on the way")

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="write_offs", verbose_name=_("stock record")
    )
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    missing = models.PositiveIntegerField(_("pieces less"))
    transfer = models.OneToOneField(
        "rewards.StockTransfer", models.PROTECT, null=True, blank=True, related_name="write_off"
    )

    class Meta:
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        constraints = [
            *asked_and_decided("write_off"),
            models.CheckConstraint(condition=Q(missing__gt=0), name="write_off_missing_positive"),
            models.CheckConstraint(
                condition=Q(kind="lost", transfer__isnull=False)
                | Q(kind__in=["write_off", "count"], transfer__isnull=True),
                name="write_off_lost_of_a_transfer",
            ),
            models.UniqueConstraint(
                fields=["stockrecord"],
                condition=Q(state="prepared", transfer__isnull=True),
                name="write_off_asked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} {self.kind} {self.missing} {self.state}"
