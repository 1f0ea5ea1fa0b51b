"""When people came and left, and how that was noted."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from timebank.service.models.activities import Activity


class Method(models.TextChoices):
    """How somebody's coming or going was noted."""

    QR = "qr", _("by QR")
    LIST = "list", _("by the leader's list")
    CARD = "card", _("by card")
    CLOSE = "close", _("when the activity was closed")


class Attendance(models.Model):
    """When a person came and when they left."""

    activity = models.ForeignKey(Activity, models.PROTECT, related_name="attendances", verbose_name=_("activity"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="attendances", verbose_name=_("resident")
    )
    checked_in_at = models.DateTimeField(_("came"))
    check_in_method = models.CharField(_("came, noted"), max_length=5, choices=Method.choices)
    checked_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("noted by")
    )
    checked_out_at = models.DateTimeField(_("left"), null=True, blank=True)
    check_out_method = models.CharField(_("left, noted"), max_length=5, choices=Method.choices, blank=True)
    checked_out_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("noted by")
    )
    # Who showed the code that was scanned: a hand in this person's hours, as much as who writes a list.
    check_in_code_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("code shown by"),
    )
    check_out_code_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("code shown by"),
    )
    # Check-out was forgotten: no minutes count until the leader states them, and the verifier is told.
    forgot_to_leave = models.BooleanField(_("forgot to check out"), default=False)
    # Why no record came of it at close: "", "too_short", "entered", "overlap", "day_full" or "no_check_out".
    problem = models.CharField(_("why no record"), max_length=12, blank=True)

    class Meta:
        verbose_name = _("attendance")
        verbose_name_plural = _("attendances")
        indexes = [models.Index(fields=["resident", "checked_out_at"], name="attendance_resident_open")]
        constraints = [
            models.UniqueConstraint(fields=["activity", "resident"], name="attendance_once_per_activity"),
            models.CheckConstraint(
                condition=Q(checked_out_at__isnull=True) | Q(checked_out_at__gte=F("checked_in_at")),
                name="attendance_out_after_in",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} · {self.activity}"
