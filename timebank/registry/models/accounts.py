"""What makes a staff account safe, and who looked at whom."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StaffPin(models.Model):
    """The PIN by which a person goes on, after a pause, at a device that the village approved. One per person."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="staff_pin")
    pin_hash = models.CharField(max_length=128, editable=False)
    set_at = models.DateTimeField(_("set at"), default=timezone.now)

    class Meta:
        verbose_name = _("staff PIN")
        verbose_name_plural = _("staff PINs")

    def __str__(self) -> str:
        return str(self.user)


class Device(models.Model):
    """A device at a counter, asked for by who works there, approved for a day's work by the village.

    Known by a random cookie of which only the digest is kept. A few rows a day and village, forgotten after a year.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="devices", verbose_name=_("who"))
    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("region"))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    code = models.CharField(_("code on the screen"), max_length=6)
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_until = models.DateTimeField(_("approved until"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        indexes = [models.Index(fields=["region", "-asked_at"], name="device_region_at")]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_until__isnull=True)
                | Q(approved_by__isnull=False, approved_until__isnull=False),
                name="device_approved_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return self.code


class PersonalRead(models.Model):
    """Who on the staff looked at whose particulars, where, when and why.

    One row for each resident and page or file; a list of fifty is fifty rows, in one statement. The resident sees
    those about them, the supervisor those of the place. Append-only for a year; forgotten after ``READS_KEPT``.
    Grows with the work of the offices: some ten thousand rows a year and village.
    """

    occurred_at = models.DateTimeField(_("at"), default=timezone.now)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("who"))
    resident = models.ForeignKey("registry.Resident", models.PROTECT, related_name="reads", verbose_name=_("resident"))
    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("region"))
    what = models.CharField(_("what"), max_length=40)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("look at personal data")
        verbose_name_plural = _("looks at personal data")
        indexes = [
            models.Index(fields=["resident", "-occurred_at"], name="read_resident_at"),
            models.Index(fields=["region", "-occurred_at"], name="read_region_at"),
            models.Index(fields=["occurred_at"], name="read_at"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.what}"
