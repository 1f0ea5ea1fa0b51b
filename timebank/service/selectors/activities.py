"""Activities, places and who came."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from timebank.common.input import fold
from timebank.registry import rules as registry_rules
from timebank.registry.models import Resident
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import VIEW_VILLAGE
from timebank.registry.selectors import resident_of
from timebank.service import rules
from timebank.service.models import Activity, Attendance, SignUp, Team
from timebank.service.rules import LEAD_ACTIVITY

Audience = Activity.Audience
VILLAGE, TOWN, COUNTY, ANYWHERE = "", "town", "county", "anywhere"  # how far a resident looks


def _near(resident: Resident, where: str) -> Q:
    """Return which activities a resident sees: those of the village and above it, or what is farther and for them."""
    home = resident.village
    paths = paths_up(home.path)
    near = Q(village__path__in=paths)
    if where in (TOWN, COUNTY, ANYWHERE):
        near |= Q(village__path__startswith=rules.above(home.path, 1)) & ~Q(audience=Audience.VILLAGE)
    if where in (COUNTY, ANYWHERE):
        in_county = Q(village__path__startswith=rules.above(home.path, 2))
        near |= in_county & Q(audience__in=(Audience.COUNTY, Audience.ANYBODY))
    if where == ANYWHERE:
        near |= Q(audience=Audience.ANYBODY)
    return near


def activities_open_to(
    resident: Resident,
    *,
    now: dt.datetime | None = None,
    category: str = "",
    where: str = VILLAGE,
    until: dt.datetime | None = None,
) -> QuerySet[Activity]:
    """Select open activities near a resident that are not over, soonest first."""
    now = now or timezone.now()
    activities = Activity.objects.filter(_near(resident, where), status=Activity.Status.OPEN, ends_at__gt=now)
    if category:
        activities = activities.filter(category__code=category)
    if until is not None:
        activities = activities.filter(starts_at__lt=until)
    return activities.select_related("team", "team__leader", "village").order_by("starts_at", "pk")


def sign_ups_of(resident: Resident, *, now: dt.datetime | None = None) -> QuerySet[SignUp]:
    """Select what a resident has signed up for and is still to come or going on."""
    now = now or timezone.now()
    return (
        resident.sign_ups.filter(
            state__in=SignUp.LIVE, activity__status=Activity.Status.OPEN, activity__ends_at__gt=now
        )
        .select_related("activity", "activity__team", "activity__village")
        .order_by("activity__starts_at", "pk")
    )


def activity_for(actor: Any, pk: int, resident: Resident | None = None) -> Activity:
    """Return an activity to who may join (or the ``resident`` they act for), lead or oversee it; else 404."""
    activity = Activity.objects.select_related("team", "team__leader", "village").filter(pk=pk).first()
    if activity is None:
        raise Http404
    person = resident or resident_of(actor)
    if person is not None and rules.is_open_to(activity, person):
        return activity
    if rules.leads(actor, activity.team, activity.village):
        return activity
    if registry_rules.can(actor, VIEW_VILLAGE, region=activity.village):
        return activity
    raise Http404


def led_activity_for(actor: Any, pk: int) -> Activity:
    """Return an activity to who leads it; 404 to anybody else."""
    activity = activity_for(actor, pk)
    if not rules.leads(actor, activity.team, activity.village):
        raise Http404
    return activity


def my_sign_up(activity: Activity, resident: Resident) -> SignUp | None:
    """Return the resident's place in an activity, if they have or had one (a withdrawn one does not count)."""
    return activity.sign_ups.filter(resident=resident).exclude(state=SignUp.State.WITHDRAWN).first()


def later_in_series(activity: Activity, now: dt.datetime | None = None) -> QuerySet[Activity]:
    """Select the open activities of the same series from this one on that have not ended, soonest first."""
    return (
        Activity.objects.filter(series=activity.series_id, series__isnull=False, status=Activity.Status.OPEN)
        .filter(starts_at__gte=activity.starts_at, ends_at__gt=now or timezone.now())
        .select_related("team", "village")
        .order_by("starts_at", "pk")
    )


def calendar_of(resident: Resident, activity: Activity, *, now: dt.datetime | None = None) -> list[SignUp]:
    """List where a resident goes of an activity and the rest of its series, soonest first."""
    same = Q(activity=activity)
    if activity.series_id is not None:
        same |= Q(activity__series=activity.series_id)
    mine = resident.sign_ups.filter(same, state__in=SignUp.LIVE, activity__ends_at__gt=now or timezone.now())
    return list(
        mine.select_related("activity__team__leader", "activity__village").order_by("activity__starts_at", "pk")
    )


def walk_ins(activity: Activity, name: str, most: int = 20) -> list[Resident]:
    """List who has exactly this name and may join: of the activity's place first, then of where its audience lives."""
    reach = rules.REACH.get(activity.audience, max(rules.REACH.values()))
    where = rules.above(activity.village.path, reach)
    same = Resident.objects.filter(
        name_key=fold(name), status=Resident.Status.ACTIVE, village__path__startswith=where
    ).select_related("village")
    here = activity.village.path
    people = sorted(same.order_by("pk")[:200], key=lambda item: (not item.village.path.startswith(here), item.pk))
    return [item for item in people if rules.is_open_to(activity, item)][:most]


def waiting_position(sign_up: SignUp) -> int:
    """Return how many wait before this one, plus one."""
    before = Q(created_at__lt=sign_up.created_at) | Q(created_at=sign_up.created_at, pk__lt=sign_up.pk)
    return sign_up.activity.sign_ups.filter(before, state=SignUp.State.WAITING).count() + 1


def teams_led_by(actor: Any) -> QuerySet[Team]:
    """Select active teams whose activities this person may open."""
    where = registry_rules.regions_where(actor, LEAD_ACTIVITY)
    return (
        Team.objects.filter(Q(leader=actor) | Q(region__in=where), status=Team.Status.ACTIVE)
        .select_related("region", "leader")
        .order_by("region__path", "name", "pk")
    )


def activities_led_by(actor: Any) -> QuerySet[Activity]:
    """Select the activities this person leads, newest first."""
    where = registry_rules.regions_where(actor, LEAD_ACTIVITY)
    return (
        Activity.objects.filter(Q(team__leader=actor) | Q(village__in=where))
        .select_related("team", "village")
        .order_by("-starts_at", "-pk")
    )


@dataclass(frozen=True)
class AttendanceRow:
    """One line of the leader's list: the person, their place, and when they came and left."""

    resident: Resident
    sign_up: SignUp | None
    seen: Attendance | None

    @property
    def is_here(self) -> bool:
        return self.seen is not None and self.seen.checked_out_at is None


def attendance_rows(activity: Activity) -> list[AttendanceRow]:
    """List everybody who signed up or came: present first, then expected, then gone, then waiting."""
    signed = {
        sign_up.resident_id: sign_up
        for sign_up in activity.sign_ups.exclude(state=SignUp.State.WITHDRAWN).select_related("resident")
    }
    seen = {
        attendance.resident_id: attendance
        for attendance in activity.attendances.select_related("resident", "checked_in_by", "checked_out_by")
    }
    people = {item.resident_id: item.resident for item in signed.values()}
    people |= {item.resident_id: item.resident for item in seen.values()}
    rows = [AttendanceRow(people[pk], signed.get(pk), seen.get(pk)) for pk in people]

    def rank(attendance_row: AttendanceRow) -> tuple[int, str, int]:
        if attendance_row.seen is None:
            waiting = attendance_row.sign_up is not None and attendance_row.sign_up.state == SignUp.State.WAITING
            return (3 if waiting else 1, attendance_row.resident.name, attendance_row.resident.pk)
        return (0 if attendance_row.is_here else 2, attendance_row.resident.name, attendance_row.resident.pk)

    return sorted(rows, key=rank)
