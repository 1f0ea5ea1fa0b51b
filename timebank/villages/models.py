"""The office of a place, and the token that opens the first run."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Office(models.Model):
    """Where people of a place get help: hours and telephone; for a village also since when it works."""

    region = models.OneToOneField(
        "registry.Region", models.PROTECT, related_name="office", verbose_name=_("region"), primary_key=True
    )
    opening_hours = models.CharField(_("opening hours"), max_length=120, blank=True)
    help_phone = models.CharField(_("help telephone"), max_length=20, blank=True)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)
    opened_at = models.DateTimeField(_("opened at"), null=True, blank=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("opened by")
    )

    class Meta:
        verbose_name = _("office")
        verbose_name_plural = _("offices")

    def __str__(self) -> str:
        return f"{self.region_id} {self.help_phone}"


class SetupToken(models.Model):
    """The one row that opens the setup, once. Only a digest is kept; a new token takes the place of the old one."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    digest = models.CharField(_("digest"), max_length=64)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("used by")
    )

    class Meta:
        verbose_name = _("setup token")
        verbose_name_plural = _("setup tokens")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_setup_token")]

    def __str__(self) -> str:
        return "used" if self.used_at else "open"
