"""Lists of residents that a village hands in: their rows, what was asked about them, which row became whom."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ResidentImport(models.Model):
    """One list, from the upload to the town's yes. What its rows say is erased once nothing is open any more."""

    class Status(models.TextChoices):
        READING = "reading", _("Being read")
        PREVIEW = "preview", _("Waiting for your decisions")
        LOADING = "loading", _("Being loaded")
        LOADED = "loaded", _("Loaded, the town has not looked at it yet")
        CONFIRMED = "confirmed", _("Confirmed by the town")
        RETURNED = "returned", _("Returned by the town")
        DISCARDED = "discarded", _("Discarded")

    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("village"))
    file_name = models.CharField(_("file"), max_length=120)
    file_digest = models.CharField(max_length=64, editable=False)
    header = models.JSONField(default=list, editable=False)  # the file's own names of its columns
    notes = models.JSONField(default=list, editable=False)  # skipped rows, columns that mean nothing here
    status = models.CharField(_("state"), max_length=10, choices=Status.choices, default=Status.READING)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("handed in by"),
    )
    created_at = models.DateTimeField(_("handed in at"), default=timezone.now)
    loaded_at = models.DateTimeField(_("loaded at"), null=True, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )
    answer_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("list of residents")
        verbose_name_plural = _("lists of residents")
        indexes = [models.Index(fields=["village", "-created_at"], name="resident_import_village")]

    def __str__(self) -> str:
        return self.file_name


class ResidentImportRow(models.Model):
    """A row of a list and what became of it."""

    class Outcome(models.TextChoices):
        READY = "ready", _("Will be loaded")
        ASKED = "asked", _("Asked")
        REFUSED = "refused", _("Refused")
        LOADED = "loaded", _("Loaded")
        UNCHANGED = "unchanged", _("Registered already")

    source = models.ForeignKey(ResidentImport, models.CASCADE, related_name="rows", verbose_name=_("list"))
    number = models.PositiveIntegerField(_("row"))
    outcome = models.CharField(_("what became of it"), max_length=10, choices=Outcome.choices)
    content = models.TextField(blank=True, editable=False)  # encrypted: the row as it stands, and as it was read
    column = models.CharField(_("column"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("resident")
    )

    class Meta:
        verbose_name = _("row of a list")
        verbose_name_plural = _("rows of lists")
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="import_row_once")]
        indexes = [models.Index(fields=["source", "outcome", "number"], name="import_row_outcome")]

    def __str__(self) -> str:
        return f"{self.source_id}:{self.number}"


class ResidentImportQuestion(models.Model):
    """Two that look alike: a row, and a row above it or somebody registered."""

    class Kind(models.TextChoices):
        PERSON = "person", _("The same person?")
        PHONE = "phone", _("Another person with the same mobile number?")

    class Decision(models.TextChoices):
        SAME = "same", _("The same person")
        DIFFERENT = "different", _("Different people")
        WITHOUT_PHONE = "without-phone", _("Different people, leave the mobile number out here")

    row = models.ForeignKey(ResidentImportRow, models.CASCADE, related_name="questions", verbose_name=_("row"))
    other_row = models.ForeignKey(
        ResidentImportRow, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("other row")
    )
    other = models.ForeignKey(
        "registry.Resident", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("resident")
    )
    kind = models.CharField(_("question"), max_length=8, choices=Kind.choices)
    decision = models.CharField(_("decision"), max_length=14, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )

    class Meta:
        verbose_name = _("question about a row")
        verbose_name_plural = _("questions about rows")
        constraints = [
            models.CheckConstraint(
                condition=Q(other_row__isnull=False) | Q(other__isnull=False), name="import_question_about_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.row_id} {self.kind}"


class ResidentSource(models.Model):
    """Which row became whom, kept as a keyed digest, so that the same row is known again in any later list.

    ``occurrence`` counts equal rows of one list from 0: two people may be written alike.
    """

    fingerprint = models.CharField(max_length=64)
    occurrence = models.PositiveSmallIntegerField(default=0)
    resident = models.ForeignKey("registry.Resident", models.PROTECT, related_name="+", verbose_name=_("resident"))

    class Meta:
        verbose_name = _("source of a resident")
        verbose_name_plural = _("sources of residents")
        constraints = [models.UniqueConstraint(fields=["fingerprint", "occurrence"], name="resident_source_once")]

    def __str__(self) -> str:
        return self.fingerprint[:8]


class DistinctPair(models.Model):
    """Two residents who look alike and are not the same: decided once, never asked again."""

    first = models.ForeignKey("registry.Resident", models.PROTECT, related_name="+", verbose_name=_("resident"))
    second = models.ForeignKey("registry.Resident", models.PROTECT, related_name="+", verbose_name=_("other resident"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), default=timezone.now)

    class Meta:
        verbose_name = _("pair of different people")
        verbose_name_plural = _("pairs of different people")
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="distinct_pair_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="distinct_pair_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} ≠ {self.second_id}"
