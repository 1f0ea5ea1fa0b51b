"""Prices of rewards: what was decided, from which day, by whom and why. A decision is never changed, only followed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PriceChange(models.Model):
    """A price that was decided for one reward at one supplier."""

    stockrecord = models.ForeignKey(
        "partner.StockRecord", models.PROTECT, related_name="price_changes", verbose_name=_("reward")
    )
    points = models.BigIntegerField(_("price (1/100 point)"))
    since = models.DateField(_("from"))
    reason = models.CharField(_("reason"), max_length=200)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("decided by")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    applied_at = models.DateTimeField(_("in force since"), null=True, blank=True)

    class Meta:
        verbose_name = _("price change")
        verbose_name_plural = _("price changes")
        constraints = [models.CheckConstraint(condition=Q(points__gte=0), name="price_change_not_negative")]
        indexes = [
            models.Index(fields=["since"], condition=Q(applied_at__isnull=True), name="price_change_due"),
            models.Index(fields=["stockrecord", "-since"], name="price_change_history"),
        ]

    def __str__(self) -> str:
        return f"{self.stockrecord_id} {self.points} {self.since}"
