"""The lists that hang out, and the objections that residents raise."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def last_day(until: dt.datetime) -> dt.date:
    """Return the last day of a span that ends at ``until``: a notice to midnight is a notice to the day before."""
    return timezone.localtime(until - dt.timedelta(microseconds=1)).date()


class NoticeList(models.Model):
    """The list a village hangs out: verified records, open to objection until the notice ends."""

    village = models.ForeignKey(
        "registry.Region", models.PROTECT, related_name="notice_lists", verbose_name=_("village")
    )
    number = models.PositiveIntegerField(_("number"))
    published_at = models.DateTimeField(_("published at"), default=timezone.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("published by"),
    )
    days = models.PositiveSmallIntegerField(_("days of notice"))
    until = models.DateTimeField(_("until"))
    # A list that was a mistake is withdrawn, never deleted: its number stays given out, its records were verified.
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("withdrawn by"),
    )
    withdrawn_reason = models.CharField(_("why withdrawn"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("notice list")
        verbose_name_plural = _("notice lists")
        indexes = [models.Index(fields=["-published_at", "-id"], name="notice_published")]
        constraints = [
            models.UniqueConstraint(fields=["village", "number"], name="notice_number_once_per_village"),
            models.CheckConstraint(condition=Q(until__gte=F("published_at")), name="notice_ends_after_start"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True, withdrawn_reason="")
                | (Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False) & ~Q(withdrawn_reason="")),
                name="notice_withdrawn_by_somebody_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.village} {self.number}"

    @property
    def last_day(self) -> dt.date:
        """The last day on which somebody may object."""
        return last_day(self.until)


class Objection(models.Model):
    """A resident's doubt about a published record. Until it is answered the record earns nothing."""

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for an answer")
        UPHELD = "upheld", _("Upheld")
        DISMISSED = "dismissed", _("Not upheld")

    record = models.ForeignKey("service.Record", models.PROTECT, related_name="objections", verbose_name=_("record"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="objections", verbose_name=_("raised by")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    text = models.CharField(_("objection"), max_length=500)
    raised_at = models.DateTimeField(_("raised at"), default=timezone.now)
    due_on = models.DateField(_("answer due"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    answer = models.CharField(_("answer"), max_length=500, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )

    class Meta:
        verbose_name = _("objection")
        verbose_name_plural = _("objections")
        indexes = [models.Index(fields=["state", "due_on"], name="objection_state_due")]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "resident"], condition=Q(state="open"), name="objection_open_once_per_resident"
            ),
            models.CheckConstraint(
                condition=Q(state="open", answered_at__isnull=True)
                | (~Q(state="open") & Q(answered_at__isnull=False) & ~Q(answer="")),
                name="objection_answered_with_reasons",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.record_id}: {self.state}"
