"""Teams, their activities, and who signed up for one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.policy import categories


class Categorised(models.Model):
    """Mixin of what has a category: its name and drawing without a query, when the product brings it."""

    category = models.ForeignKey(
        "policy.Category",
        models.PROTECT,
        to_field="code",
        db_column="category",
        related_name="+",
        verbose_name=_("category"),
    )

    class Meta:
        abstract = True

    def get_category_display(self) -> str:
        """Return the category's name in the reader's language."""
        return categories.name_of(self.category_id) if self.category_id in categories.NAMES else str(self.category)

    @property
    def picture(self) -> str:
        """Static path of the drawing for its category."""
        seed = categories.SEED.get(self.category_id)
        return f"service/pictures/{seed.picture if seed else self.category.picture}.svg"


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


class TeamMember(models.Model):
    """A resident in a team, from when to when."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="members", verbose_name=_("team"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="team_memberships", verbose_name=_("resident")
    )
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("added by")
    )
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)

    class Meta:
        verbose_name = _("member of a team")
        verbose_name_plural = _("members of teams")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "resident"], condition=Q(left_at__isnull=True), name="team_member_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident_id} in {self.team_id}"


class ActivitySeries(models.Model):
    """Activities that come back every week. Each is one of its own; one sign-up takes a place in all that are to come.

    Seen by whoever sees one of its activities; kept as long as they are; grows by one row for each series opened.
    """

    team = models.ForeignKey(Team, models.PROTECT, related_name="series", verbose_name=_("team"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("series of activities")
        verbose_name_plural = _("series of activities")

    def __str__(self) -> str:
        return f"{self.team_id}: {self.pk}"


class Activity(Categorised):
    """One occasion of service: what, where, when, for how many."""

    class Audience(models.TextChoices):
        VILLAGE = "village", _("This village")
        TOWN = "town", _("The whole town")
        COUNTY = "county", _("The whole county")
        ANYBODY = "anybody", _("Anybody, also from elsewhere")

    class Status(models.TextChoices):
        OPEN = "open", _("Current")
        CLOSED = "closed", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    team = models.ForeignKey(Team, models.PROTECT, related_name="activities", verbose_name=_("team"))
    village = models.ForeignKey("registry.Region", models.PROTECT, related_name="activities", verbose_name=_("village"))
    title = models.CharField(_("what"), max_length=80)
    details = models.TextField(_("details"), blank=True, max_length=1000)
    place = models.CharField(_("where"), max_length=120)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    capacity = models.PositiveIntegerField(_("places"))
    # Kept beside the capacity, so that the database itself can refuse one person too many.
    taken = models.PositiveIntegerField(_("places taken"), default=0, editable=False)
    min_age = models.PositiveSmallIntegerField(_("minimum age"), null=True, blank=True)
    audience = models.CharField(_("for whom"), max_length=8, choices=Audience.choices, default=Audience.TOWN)
    series = models.ForeignKey(
        ActivitySeries, models.PROTECT, null=True, blank=True, related_name="activities", verbose_name=_("series")
    )
    reminded_at = models.DateTimeField(_("reminded at"), null=True, blank=True, editable=False)
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
    ended_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        indexes = [
            models.Index(fields=["village", "status", "starts_at"], name="activity_village_open"),
            models.Index(fields=["team", "starts_at"], name="activity_team_starts"),
            models.Index(fields=["status", "ends_at"], name="activity_status_ends"),
            models.Index(
                fields=["starts_at"], condition=Q(status="open", audience="anybody"), name="activity_for_anybody"
            ),
            models.Index(
                fields=["starts_at"], condition=Q(status="open", reminded_at=None), name="activity_to_remind_of"
            ),
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


class SignUp(models.Model):
    """A place in an activity, or on its waiting list. Withdrawn, never deleted."""

    class State(models.TextChoices):
        GOING = "going", _("Signed up")
        WAITING = "waiting", _("On the waiting list")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        ATTENDED = "attended", _("Took part")
        NO_SHOW = "no_show", _("Did not come")
        CANCELLED = "cancelled", _("Activity was cancelled")  # of whoever was signed up then

    LIVE = (State.GOING, State.WAITING)

    activity = models.ForeignKey(Activity, models.PROTECT, related_name="sign_ups", verbose_name=_("activity"))
    resident = models.ForeignKey(
        "registry.Resident", models.PROTECT, related_name="sign_ups", verbose_name=_("resident")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    created_at = models.DateTimeField(_("signed up at"), default=timezone.now)
    actor = models.ForeignKey(
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
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        indexes = [
            models.Index(fields=["resident", "state"], name="signup_resident_state"),
            models.Index(fields=["activity", "state", "created_at"], name="signup_activity_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "resident"], condition=~Q(state="withdrawn"), name="signup_once_per_activity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resident} · {self.activity}"
