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


class PhoneChange(models.Model):
    """One sign-in's step from a mobile number to another: asked for with a code, or done at the village desk.

    Seen by the person alone (page and export). What was done is kept with the account: which number was whose, when.
    What was only asked for is forgotten after a day. A row or two a person in ten years.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="phone_changes")
    old_phone = models.CharField(_("number before"), max_length=20, blank=True)
    new_phone = models.CharField(_("number after"), max_length=20)
    code_digest = models.CharField(max_length=64, blank=True, editable=False)
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("done by")
    )
    # The text to the old number is claimed before it is sent: at most once.
    old_told_at = models.DateTimeField(_("old number told at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("change of mobile number")
        verbose_name_plural = _("changes of mobile numbers")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(done_at=None), name="phone_asked_once"),
            models.CheckConstraint(
                condition=Q(done_at=None, done_by=None) | Q(done_at__isnull=False, done_by__isnull=False),
                name="phone_done_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["done_at"], condition=Q(old_told_at=None), name="phone_old_to_tell")]

    def __str__(self) -> str:
        return f"{self.user} {self.asked_at:%Y-%m-%d}"


class PasswordCode(models.Model):
    """One wish to set a forgotten password with a code: whoever the number belongs to, or nobody.

    Asking looks nobody up: the worker finds the account (``user``), draws the code and sends it. Of all wishes for a
    number only the last holds. Seen by nobody; forgotten after a day. A row for each time somebody asks.
    """

    phone = models.CharField(_("mobile number"), max_length=20)
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    # Claimed before the text is sent: at most once.
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    code_digest = models.CharField(max_length=64, blank=True, editable=False)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("code for a forgotten password")
        verbose_name_plural = _("codes for forgotten passwords")
        indexes = [
            models.Index(fields=["phone", "-id"], name="password_code_phone"),
            models.Index(fields=["asked_at"], condition=Q(sent_at=None), name="password_code_to_send"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


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
