"""What a person gave, on its way to credit, and every change of its state."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.policy import words
from timebank.service.errors import HistoryIsKept
from timebank.service.models.activities import Activity, Categorised
from timebank.service.models.attendance import Attendance
from timebank.service.models.notices import NoticeList, last_day

DAY_MINUTES = 24 * 60


class Record(Categorised):
    """Minutes that one person really gave on one occasion: never spent, never expiring, only ever reversed."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Waiting for verification")
        VERIFIED = "verified", _("Verified")
        PUBLISHED = "published", _("On public notice")
        CREDITED = "credited", _("Credited")
        RETURNED = "returned", _("Returned")
        DISPUTED = "disputed", _("Objected to")
        REVERSED = "reversed", _("Reversed")

    # What still stands: a returned record may be mended and sent again, a reversed one is over.
    COUNTED = (State.DRAFT, State.SUBMITTED, State.VERIFIED, State.PUBLISHED, State.DISPUTED, State.CREDITED)

    class Source(models.TextChoices):
        ATTENDANCE = "attendance", _("from attendance")
        ENTERED = "entered", _("entered by hand")

    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="service_records", verbose_name=_("resident")
    )
    village = models.ForeignKey(
        "registry.Region", models.PROTECT, related_name="service_records", verbose_name=_("village")
    )
    activity = models.ForeignKey(
        Activity, models.PROTECT, null=True, blank=True, related_name="records", verbose_name=_("activity")
    )
    attendance = models.OneToOneField(
        Attendance, models.PROTECT, null=True, blank=True, related_name="record", verbose_name=_("attendance")
    )
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    title = models.CharField(_("what"), max_length=80, blank=True)
    served_on = models.DateField(_("day of service"))
    started_at = models.DateTimeField(_("from"), null=True, blank=True)
    ended_at = models.DateTimeField(_("to"), null=True, blank=True)
    minutes = models.PositiveIntegerField(_("minutes"))
    # What the category was counted in when the record was made, and how many of it (times, pieces, millilitres).
    unit = models.CharField(_("counted in"), max_length=8, default="minutes")
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    # Codes that multiply the price by the scheme: credentials that held on the day, "organiser". Set at credit.
    factors = models.JSONField(_("factors"), default=list, blank=True)
    # Within a published range: what was chosen, by whom and why.
    chosen_points = models.PositiveBigIntegerField(_("points chosen (1/100)"), null=True, blank=True)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("chosen by")
    )
    chosen_reason = models.CharField(_("why this many"), max_length=200, blank=True)
    # 0-100: how well the minutes are proven. The verification queue shows the weakest first.
    evidence = models.PositiveSmallIntegerField(_("evidence"), default=0)
    is_flagged = models.BooleanField(_("needs a second look"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    entered_at = models.DateTimeField(_("entered at"), default=timezone.now)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entered by")
    )
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("verified by")
    )
    notice_list = models.ForeignKey(
        NoticeList, models.PROTECT, null=True, blank=True, related_name="records", verbose_name=_("notice list")
    )
    notice_from = models.DateTimeField(_("on notice from"), null=True, blank=True)
    notice_until = models.DateTimeField(_("on notice until"), null=True, blank=True)
    # The resident asked to be taken off public lists: the name is masked, the record and its points stand.
    is_name_withheld = models.BooleanField(_("name withheld from lists"), default=False)
    credited_at = models.DateTimeField(_("credited at"), null=True, blank=True)
    points = models.PositiveBigIntegerField(_("points (1/100)"), null=True, blank=True)
    quote = models.JSONField(_("why this many points"), default=dict, blank=True)
    rule = models.CharField(_("rule"), max_length=80, blank=True)
    rule_version = models.CharField(_("rule version"), max_length=80, blank=True)
    # Idempotency key of the ledger transfer; empty when the quote was nought and nothing moved.
    transfer_key = models.CharField(_("transfer"), max_length=60, blank=True)
    # What stopped the last attempt to credit it, for whoever must put it right.
    credit_problem = models.CharField(_("why not credited"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("service record")
        verbose_name_plural = _("service records")
        indexes = [
            models.Index(fields=["resident", "served_on"], name="record_resident_day"),
            models.Index(fields=["village", "state", "served_on"], name="record_village_state"),
            # What is still to be done, of a county with millions of credited records.
            models.Index(
                fields=["village", "state"],
                condition=Q(state__in=["submitted", "verified", "published", "disputed"]),
                name="record_open",
            ),
            models.Index(
                fields=["village", "credited_at"],
                condition=Q(credited_at__isnull=False),
                name="record_village_credited",
            ),
            models.Index(
                fields=["resident", "notice_until"], condition=Q(state="published"), name="record_due_for_credit"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__lte=DAY_MINUTES) & (Q(minutes__gte=1) | ~Q(unit="minutes")),
                name="record_minutes_of_a_day",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="record_quantity_of_something"),
            models.CheckConstraint(
                condition=Q(chosen_points__isnull=True, chosen_by__isnull=True)
                | (Q(chosen_points__isnull=False, chosen_by__isnull=False) & ~Q(chosen_reason="")),
                name="record_choice_has_a_name_and_a_reason",
            ),
            models.CheckConstraint(condition=Q(evidence__lte=100), name="record_evidence_in_range"),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True, ended_at__isnull=True) | Q(ended_at__gt=F("started_at")),
                name="record_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["credited", "reversed"], credited_at__isnull=False, points__isnull=False)
                | (
                    ~Q(state__in=["credited", "reversed"])
                    & Q(credited_at__isnull=True, points__isnull=True, transfer_key="")
                ),
                name="record_credited_with_price",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["verified", "published", "disputed", "credited", "reversed"])
                | Q(verified_at__isnull=False),
                name="record_verified_before_notice",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["published", "disputed", "credited", "reversed"])
                | Q(notice_until__isnull=False),
                name="record_published_before_credit",
            ),
            models.CheckConstraint(
                condition=Q(verified_by__isnull=True) | Q(entered_by__isnull=True) | ~Q(verified_by=F("entered_by")),
                name="record_second_person_verifies",
            ),
            models.UniqueConstraint(
                fields=["activity", "resident"],
                condition=Q(activity__isnull=False) & ~Q(state="reversed"),
                name="record_once_per_activity",
            ),
            models.UniqueConstraint(
                fields=["transfer_key"], condition=~Q(transfer_key=""), name="record_transfer_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} · {self.served_on} · {self.minutes} min"

    @property
    def notice_last_day(self) -> dt.date | None:
        """The last day on which somebody may object."""
        return last_day(self.notice_until) if self.notice_until else None

    @property
    def amount(self) -> str:
        """How much was done, in words: hours and minutes, or times, pieces, millilitres."""
        return words.amount(self.unit, self.minutes if self.unit == "minutes" else self.quantity)

    @property
    def mint_key(self) -> str:
        """The one key under which this record can ever earn."""
        return f"mint:record:{self.pk}"

    @property
    def what(self) -> str:
        """What was done, in words: the activity's title or the category."""
        return self.title or str(self.get_category_display())


class RecordChange(models.Model):
    """Who changed a record's state, when and why. Written once, kept for ever."""

    record = models.ForeignKey(Record, models.PROTECT, related_name="changes", verbose_name=_("record"))
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    on_behalf_of = models.ForeignKey(
        "registry.Resident", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("on behalf of")
    )
    from_state = models.CharField(_("from"), max_length=10, choices=Record.State.choices, blank=True)
    to_state = models.CharField(_("to"), max_length=10, choices=Record.State.choices)
    minutes = models.PositiveIntegerField(_("minutes"))
    # A code of this app ("corrected_minutes") or a person's own words in ``why``.
    code = models.CharField(_("what"), max_length=24, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("change of a record")
        verbose_name_plural = _("changes of records")
        indexes = [models.Index(fields=["record", "id"], name="recordchange_record")]

    def __str__(self) -> str:
        return f"{self.record_id}: {self.from_state} → {self.to_state}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise HistoryIsKept
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise HistoryIsKept
