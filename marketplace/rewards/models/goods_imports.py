"""A long list of goods that is being loaded."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class GoodsImport(models.Model):
    """One long list on its way to the shelves, batch by batch: what of it is done, and how it went.

    Seen by who may put goods on the shelf or price them there. What is still to be done stands in ``lines``, emptied
    when it is over; the row is forgotten after a month. A few a village and year.
    """

    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("region"))
    file_name = models.CharField(_("file"), max_length=120)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    lines = models.JSONField(default=list, editable=False)
    total = models.PositiveIntegerField(_("rows"))
    done = models.PositiveIntegerField(_("rows done"), default=0)
    report = models.JSONField(default=dict, editable=False)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("done by"))
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    worked_at = models.DateTimeField(_("last worked on at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("list of goods")
        verbose_name_plural = _("lists of goods")
        indexes = [
            models.Index(fields=["worked_at"], condition=Q(finished_at=None), name="goods_import_open"),
            models.Index(fields=["region", "-started_at"], name="goods_import_region"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("total")), name="goods_import_done_of_total"),
        ]

    def __str__(self) -> str:
        return self.file_name
