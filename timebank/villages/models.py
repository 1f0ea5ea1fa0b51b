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


class Opening(models.Model):
    """A signed list of what residents had before: entered by one person, approved by another, booked once.

    Seen by the village's desk, its town and whoever audits it; kept for ever, as the ledger is; one for each list.
    """

    class State(models.TextChoices):
        ENTERED = "entered", _("Waits for the town")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")

    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="openings", verbose_name=_("village"))
    title = models.CharField(_("what it is"), max_length=80)
    signed_on = models.DateField(_("signed on"))
    paper = models.CharField(_("where the signed list is kept"), max_length=120)
    file_name = models.CharField(_("file"), max_length=120, blank=True)
    expires_on = models.DateField(_("points end on"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.ENTERED)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("entered by")
    )
    entered_at = models.DateTimeField(_("entered at"), default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("opening list")
        verbose_name_plural = _("opening lists")
        indexes = [models.Index(fields=["village", "state"], name="opening_village_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="entered") ^ Q(decided_by__isnull=False), name="opening_decided_by_somebody"
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=models.F("entered_by")),
                name="opening_decided_by_another",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class OpeningLine(models.Model):
    """What one resident had: points (1/100) and minutes. A resident has one opening balance in all their life here."""

    opening = models.ForeignKey(Opening, models.PROTECT, related_name="lines", verbose_name=_("opening list"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="opening_lines", verbose_name=_("resident")
    )
    row = models.PositiveIntegerField(_("row of the file"))
    points = models.BigIntegerField(_("points (1/100)"))
    minutes = models.PositiveIntegerField(_("minutes"))
    # False only for lines of a refused list: those may be entered again.
    counts = models.BooleanField(_("counts"), default=True)

    class Meta:
        verbose_name = _("opening balance")
        verbose_name_plural = _("opening balances")
        constraints = [
            models.UniqueConstraint(fields=["resident"], condition=Q(counts=True), name="one_opening_per_resident"),
            models.CheckConstraint(
                condition=Q(points__gte=0) & (Q(points__gt=0) | Q(minutes__gt=0)), name="opening_of_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident_id}: {self.points}"
