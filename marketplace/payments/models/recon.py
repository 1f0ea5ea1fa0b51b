"""Does the provider's side agree with ours? Runs, and what they found."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ReconRun(models.Model):
    """One comparison with the provider."""

    provider = models.CharField(max_length=8)
    since = models.DateTimeField(_("since"))
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    ok = models.BooleanField(_("agrees"), default=False)
    events_found = models.PositiveIntegerField(default=0)
    lines_seen = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.provider} {self.started_at:%Y-%m-%d}"


class ReconItem(models.Model):
    """One thing that does not agree."""

    class Kind(models.TextChoices):
        NOT_HERE = "not_here", _("At the provider, not in our books")
        NOT_THERE = "not_there", _("In our books, not at the provider")
        AMOUNT = "amount", _("Amounts differ")
        BALANCE = "balance", _("The balance differs")
        ENDPOINT = "endpoint", _("The provider no longer sends events here")
        EVENT = "event", _("An event could not be processed")
        STRAY = "stray", _("Money without a payment")

    run = models.ForeignKey(ReconRun, models.CASCADE, related_name="items")
    kind = models.CharField(_("what"), max_length=10, choices=Kind.choices)
    reference = models.CharField(_("number"), max_length=255, blank=True)
    ours = models.BigIntegerField(_("ours"), null=True, blank=True)
    theirs = models.BigIntegerField(_("theirs"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"
