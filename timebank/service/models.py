"""Teams, activities, sign-ups, attendance, service records and their way to credit.

The database refuses what must never be: more people than places, two live sign-ups or two records of one person for
one occasion, a credited record without its price, a change of a kept history line.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.policy import words
from timebank.service.errors import HistoryIsKept

DAY_MINUTES = 24 * 60


def last_day(until: dt.datetime) -> dt.date:
    """Return the last day of a span that ends at ``until``: a notice to midnight is a notice to the day before."""
    return timezone.localtime(until - dt.timedelta(microseconds=1)).date()


class Category(models.TextChoices):
    """Kinds of service; the codes are those of the earning rules."""

    CLEAN = "clean", _("Village clean-up")
    ELDER = "elder", _("Help for elders")
    CANTEEN = "canteen", _("Happy canteen")
    FARM = "farm", _("Credit farm")
    TEACH = "teach", _("Teaching and talks")
    REPAIR = "repair", _("Repairs")
    CULTURE = "culture", _("Culture and sports")
    SAFETY = "safety", _("Safety patrol")
    OTHER = "other", _("Other service")
    # Deeds that published tables price by the time, not by the hour.
    TRAINING = "training", words.CATEGORIES["training"]
    NEIGHBOUR = "neighbour", words.CATEGORIES["neighbour"]
    NEIGHBOUR_MACHINE = "neighbour_machine", words.CATEGORIES["neighbour_machine"]
    HARDSHIP = "hardship", words.CATEGORIES["hardship"]
    HARDSHIP_MACHINE = "hardship_machine", words.CATEGORIES["hardship_machine"]
    OWN_MACHINE = "own_machine", words.CATEGORIES["own_machine"]
    RESCUE = "rescue", words.CATEGORIES["rescue"]
    FACILITY = "facility", words.CATEGORIES["facility"]


# Deeds show the drawing of the service they are nearest to.
PICTURES = {
    Category.TRAINING: "teach",
    Category.NEIGHBOUR: "elder",
    Category.NEIGHBOUR_MACHINE: "farm",
    Category.HARDSHIP: "elder",
    Category.HARDSHIP_MACHINE: "farm",
    Category.OWN_MACHINE: "farm",
    Category.RESCUE: "safety",
    Category.FACILITY: "repair",
}


class Team(models.Model):
    """Volunteers under a region. It may be nested and need not be a registered body."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        CLOSED = "closed", _("Closed")

    name = models.CharField(_("team name"), max_length=80)
    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="teams", verbose_name=_("region"))
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("part of")
    )
    leader = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="led_teams", verbose_name=_("leader")
    )
    is_registered = models.BooleanField(_("registered body"), default=False)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [
            models.UniqueConstraint(
                fields=["region", "name"], condition=Q(status="active"), name="team_name_once_per_region"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Activity(models.Model):
    """One occasion of service: what, where, when, for how many."""

    class Status(models.TextChoices):
        OPEN = "open", _("Current")
        CLOSED = "closed", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    team = models.ForeignKey(Team, models.PROTECT, related_name="activities", verbose_name=_("team"))
    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="activities", verbose_name=_("village"))
    title = models.CharField(_("what"), max_length=80)
    details = models.TextField(_("details"), blank=True, max_length=1000)
    category = models.CharField(_("category"), max_length=20, choices=Category.choices)
    place = models.CharField(_("where"), max_length=120)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    capacity = models.PositiveIntegerField(_("places"))
    # Kept beside the capacity, so that the database itself can refuse one person too many.
    taken = models.PositiveIntegerField(_("places taken"), default=0, editable=False)
    min_age = models.PositiveSmallIntegerField(_("minimum age"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("opened by")
    )
    ended_at = models.DateTimeField(_("closed or cancelled at"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("closed or cancelled by"),
    )
    ended_why = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        indexes = [
            models.Index(fields=["village", "status", "starts_at"], name="activity_village_open"),
            models.Index(fields=["team", "starts_at"], name="activity_team_starts"),
            models.Index(fields=["status", "ends_at"], name="activity_status_ends"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="activity_ends_after_start"),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="activity_has_a_place"),
            models.CheckConstraint(condition=Q(taken__lte=F("capacity")), name="activity_not_overbooked"),
            models.CheckConstraint(
                condition=Q(status="open") ^ Q(ended_at__isnull=False), name="activity_end_is_dated"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("service:activity", args=[self.pk])

    @property
    def places_left(self) -> int:
        return max(0, self.capacity - self.taken)

    @property
    def planned_minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    @property
    def picture(self) -> str:
        """Static path of the drawing for its category."""
        return f"service/pictures/{PICTURES.get(self.category, self.category)}.svg"


class SignUp(models.Model):
    """A place in an activity, or on its waiting list. Withdrawn, never deleted."""

    class State(models.TextChoices):
        GOING = "going", _("Signed up")
        WAITING = "waiting", _("On the waiting list")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        ATTENDED = "attended", _("Took part")
        NO_SHOW = "no_show", _("Did not come")

    LIVE = (State.GOING, State.WAITING)

    activity = models.ForeignKey(Activity, models.PROTECT, related_name="sign_ups", verbose_name=_("activity"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="sign_ups", verbose_name=_("resident")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    at = models.DateTimeField(_("signed up at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("signed up by"),
    )
    changed_at = models.DateTimeField(_("changed at"), null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("changed by")
    )
    why = models.CharField(_("why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        indexes = [
            models.Index(fields=["resident", "state"], name="signup_resident_state"),
            models.Index(fields=["activity", "state", "at"], name="signup_activity_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "resident"], condition=~Q(state="withdrawn"), name="signup_once_per_activity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} · {self.activity}"


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
    came_at = models.DateTimeField(_("came"))
    came_method = models.CharField(_("came, noted"), max_length=5, choices=Method.choices)
    came_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("noted by")
    )
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    left_method = models.CharField(_("left, noted"), max_length=5, choices=Method.choices, blank=True)
    left_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("noted by")
    )
    # Check-out was forgotten: the planned end stands in for it, and the verifier is told.
    forgot_to_leave = models.BooleanField(_("forgot to check out"), default=False)
    # Why no record came of it at close: "", "too_short" or "overlap".
    problem = models.CharField(_("why no record"), max_length=12, blank=True)

    class Meta:
        verbose_name = _("attendance")
        verbose_name_plural = _("attendances")
        indexes = [models.Index(fields=["resident", "left_at"], name="attendance_resident_open")]
        constraints = [
            models.UniqueConstraint(fields=["activity", "resident"], name="attendance_once_per_activity"),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(left_at__gte=F("came_at")), name="attendance_left_after_came"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} · {self.activity}"


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

    class Meta:
        verbose_name = _("notice list")
        verbose_name_plural = _("notice lists")
        constraints = [
            models.UniqueConstraint(fields=["village", "number"], name="notice_number_once_per_village"),
            models.CheckConstraint(condition=Q(until__gte=F("published_at")), name="notice_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.village} {self.number}"

    @property
    def last_day(self) -> dt.date:
        """The last day on which somebody may object."""
        return last_day(self.until)


class Record(models.Model):
    """Minutes that one person really gave on one occasion: never spent, never expiring, only ever reversed."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Waiting for verification")
        VERIFIED = "verified", _("Verified")
        NOTICED = "noticed", _("On public notice")
        CREDITED = "credited", _("Credited")
        RETURNED = "returned", _("Returned")
        DISPUTED = "disputed", _("Objected to")
        REVERSED = "reversed", _("Reversed")

    # What still stands: a returned record may be mended and sent again, a reversed one is over.
    STANDING = (State.DRAFT, State.SUBMITTED, State.VERIFIED, State.NOTICED, State.DISPUTED, State.CREDITED)

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
    category = models.CharField(_("category"), max_length=20, choices=Category.choices)
    title = models.CharField(_("what"), max_length=80, blank=True)
    served_on = models.DateField(_("day of service"))
    started_at = models.DateTimeField(_("from"), null=True, blank=True)
    ended_at = models.DateTimeField(_("to"), null=True, blank=True)
    minutes = models.PositiveIntegerField(_("minutes"))
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
            models.Index(
                fields=["notice_until", "resident"], condition=Q(state="noticed"), name="record_due_for_credit"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=DAY_MINUTES), name="record_minutes_of_a_day"
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
                condition=~Q(state__in=["verified", "noticed", "disputed", "credited", "reversed"])
                | Q(verified_at__isnull=False),
                name="record_verified_before_notice",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["noticed", "disputed", "credited", "reversed"]) | Q(notice_until__isnull=False),
                name="record_noticed_before_credit",
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
    at = models.DateTimeField(_("when"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    on_behalf_of = models.ForeignKey(
        "registry.Resident", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("on behalf of")
    )
    from_state = models.CharField(_("from"), max_length=10, choices=Record.State.choices, blank=True)
    to_state = models.CharField(_("to"), max_length=10, choices=Record.State.choices)
    minutes = models.PositiveIntegerField(_("minutes"))
    # A code of this room ("corrected_minutes") or a person's own words in ``why``.
    code = models.CharField(_("what"), max_length=24, blank=True)
    why = models.CharField(_("why"), max_length=200, blank=True)

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


class Objection(models.Model):
    """A resident's doubt about a published record. Until it is answered the record earns nothing."""

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for an answer")
        UPHELD = "upheld", _("Upheld")
        DISMISSED = "dismissed", _("Not upheld")

    record = models.ForeignKey(Record, models.PROTECT, related_name="objections", verbose_name=_("record"))
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


class SchemeAdoption(models.Model):
    """From which day a region (and all under it) prices hours by which scheme."""

    region = models.ForeignKey(
        "registry.Region", models.PROTECT, related_name="scheme_adoptions", verbose_name=_("region")
    )
    slug = models.CharField(_("scheme"), max_length=40)
    since = models.DateField(_("since"))
    # Empty: the days of the settings. A village may set 0.
    notice_days = models.PositiveSmallIntegerField(_("days of notice"), null=True, blank=True)
    adopted_at = models.DateTimeField(_("adopted at"), default=timezone.now)
    adopted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("adopted by")
    )
    why = models.CharField(_("why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("scheme in use")
        verbose_name_plural = _("schemes in use")
        constraints = [models.UniqueConstraint(fields=["region", "since"], name="scheme_once_per_region_and_day")]

    def __str__(self) -> str:
        return f"{self.region} {self.slug} {self.since}"


class Standing(models.Model):
    """A resident's star in a year, from points earned, never spent. Kept up by every credit and reversal."""

    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="standings", verbose_name=_("resident")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    earned_points = models.BigIntegerField(_("points earned (1/100)"), default=0)
    minutes = models.PositiveIntegerField(_("minutes credited"), default=0)
    score = models.BigIntegerField(_("score (1/100)"), default=0)
    tier = models.CharField(_("level"), max_length=20, blank=True)
    star = models.PositiveSmallIntegerField(_("stars"), default=0)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)

    class Meta:
        verbose_name = _("standing")
        verbose_name_plural = _("standings")
        constraints = [models.UniqueConstraint(fields=["resident", "year"], name="standing_once_per_year")]

    def __str__(self) -> str:
        return f"{self.resident_id} {self.year}"
