"""Which scheme prices the hours of a region, and from which day."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SchemeAdoption(models.Model):
    """From which day a region (and all under it) prices hours by which scheme."""

    region = models.ForeignKey(
        "registry.Region", models.PROTECT, related_name="scheme_adoptions", verbose_name=_("region")
    )
    slug = models.CharField(_("scheme"), max_length=40)
    since = models.DateField(_("since"))
    # Empty: the days of the settings. A village may set 0.
    notice_days = models.PositiveSmallIntegerField(_("days of notice"), null=True, blank=True)
    adopted_at = models.DateTimeField(_("adopted at"), default=timezone.now)
    adopted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("adopted by")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("scheme in use")
        verbose_name_plural = _("schemes in use")
        constraints = [models.UniqueConstraint(fields=["region", "since"], name="scheme_once_per_region_and_day")]

    def __str__(self) -> str:
        return f"{self.region} {self.slug} {self.since}"
