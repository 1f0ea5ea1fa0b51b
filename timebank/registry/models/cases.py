"""What residents ask to have corrected, and the steps in a person's record that need two people."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class CorrectionRequest(models.Model):
    """A resident says what is wrong in their particulars; the village mends it, or says why not."""

    class Status(models.TextChoices):
        ASKED = "asked", _("Asked")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="correction_requests", verbose_name=_("resident")
    )
    text = models.CharField(_("what is wrong"), max_length=300)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    status = models.CharField(_("state"), max_length=8, choices=Status.choices, default=Status.ASKED)
    created_at = models.DateTimeField(_("asked at"), default=timezone.now)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )
    answer = models.CharField(_("answer"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("correction request")
        verbose_name_plural = _("correction requests")
        constraints = [
            models.UniqueConstraint(
                fields=["resident"], condition=Q(status="asked"), name="one_open_correction_per_resident"
            ),
        ]
        indexes = [models.Index(fields=["status", "created_at"], name="correction_status")]

    def __str__(self) -> str:
        return f"{self.resident_id} {self.status}"


class ResidentCase(models.Model):
    """A final step in a person's record: proposed by one, done by another, or withdrawn."""

    class Kind(models.TextChoices):
        MERGE = "merge", _("Two registrations of one person")
        DEATH = "death", _("Death")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waiting for a second person")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    resident = models.ForeignKey("registry.Resident", models.PROTECT, related_name="cases", verbose_name=_("resident"))
    # Merge: who remains. Death: who takes the points over; nobody means the village's pool.
    other = models.ForeignKey(
        "registry.Resident", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("other resident")
    )
    happened_on = models.DateField(_("day"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    status = models.CharField(_("state"), max_length=8, choices=Status.choices, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed at"), default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    facts = models.JSONField(_("facts"), default=dict, blank=True)

    class Meta:
        verbose_name = _("case of a resident")
        verbose_name_plural = _("cases of residents")
        constraints = [
            models.UniqueConstraint(
                fields=["resident"], condition=Q(status="proposed"), name="one_open_case_per_resident"
            ),
            models.CheckConstraint(
                condition=~Q(kind="merge") | (Q(other__isnull=False) & ~Q(other=F("resident"))),
                name="merge_of_two_residents",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("proposed_by")), name="case_of_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.resident_id}"
