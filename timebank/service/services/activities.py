"""Teams, activities and which scheme prices their hours."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from timebank.common.input import clean_text
from timebank.policy.models import Category
from timebank.policy.selectors import version_in_force
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, User
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.services import record_audit
from timebank.service import errors, rules
from timebank.service.models import Activity, ActivitySeries, SchemeAdoption, Team
from timebank.service.rules import ADOPT_SCHEME, LEAD_ACTIVITY
from timebank.service.services.records import kind_of
from timebank.service.services.signups import promote_waiting

LONGEST = dt.timedelta(hours=24)
FURTHEST = dt.timedelta(days=730)  # how far from today an activity may lie; beyond is a slip of the pen


@transaction.atomic
def create_team(
    *,
    region: Region,
    name: str,
    leader: User,
    actor: User,
    parent: Team | None = None,
    is_registered: bool = False,
    now: dt.datetime | None = None,
) -> Team:
    """Found a team of volunteers under a region."""
    _require_any(actor, region, LEAD_ACTIVITY, GRANT_ROLE)
    now = now or timezone.now()
    team = Team.objects.create(
        region=region,
        name=clean_text(name),
        leader=leader,
        parent=parent,
        is_registered=is_registered,
        created_at=now,
        created_by=actor,
    )
    record_audit(actor=actor, action="create_team", subject=f"team:{team.pk}", region=region, now=now)
    return team


@transaction.atomic
def adopt_scheme(
    *,
    region: Region,
    slug: str,
    since: dt.date,
    actor: User | None,
    notice_days: int | None = None,
    reason: str = "",
    now: dt.datetime | None = None,
) -> SchemeAdoption:
    """Let a region (and all below it) price hours by a scheme from a day on; a second call with the same day is the
    same adoption. ``actor`` None is the installation itself."""
    now = now or timezone.now()
    if actor is not None:
        registry_rules.require(actor, ADOPT_SCHEME, region=region)
        if since < rules.local_day(now):
            raise errors.AdoptedTooLate(field="since")
        if SchemeAdoption.objects.filter(region=region, since=since).exclude(slug=slug).exists():
            raise errors.AdoptedAlready(field="since")
    version_in_force(slug, max(since, rules.local_day(now)))
    adoption, is_new = SchemeAdoption.objects.get_or_create(
        region=region,
        since=since,
        defaults={
            "slug": slug,
            "notice_days": notice_days,
            "adopted_by": actor,
            "adopted_at": now,
            "reason": reason,
        },
    )
    if is_new:
        record_audit(
            actor=actor,
            action="adopt_scheme",
            subject=f"region:{region.pk}",
            region=region,
            reason=reason,
            facts={"slug": slug, "since": since.isoformat(), "notice_days": notice_days},
            now=now,
        )
    return adoption


@transaction.atomic
def open_activity(
    *,
    team: Team,
    title: str,
    category: str | Category,
    place: str,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    capacity: int,
    actor: User,
    village: Region | None = None,
    details: str = "",
    min_age: int | None = None,
    audience: str = Activity.Audience.TOWN,
    series: ActivitySeries | None = None,
    now: dt.datetime | None = None,
) -> Activity:
    """Publish one occasion of service. ``village`` defaults to the team's own region."""
    where = village or team.region
    if not rules.leads(actor, team, where) or not where.path.startswith(team.region.path):
        raise errors.NotTheLeader
    if team.status != Team.Status.ACTIVE:
        raise errors.TeamClosed
    registry_rules.require_open(where)
    now = now or timezone.now()
    require_times(starts_at, ends_at, now)
    if capacity < 1:
        raise errors.BadCapacity(field="capacity")
    return Activity.objects.create(
        team=team,
        village=where,
        title=clean_text(title),
        details=clean_text(details, lines=True),
        category=kind_of(category, actor=actor, village=where),
        place=clean_text(place),
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        min_age=min_age,
        audience=Activity.Audience(audience),
        series=series,
        opened_at=now,
        opened_by=actor,
    )


def require_times(starts_at: dt.datetime, ends_at: dt.datetime, now: dt.datetime) -> None:
    """Refuse an end before the start, a day and more, and a year that is a slip of the pen."""
    if not starts_at < ends_at <= starts_at + LONGEST:
        raise errors.BadTime(field="ends_at")
    if not now - FURTHEST <= starts_at <= now + FURTHEST:
        raise errors.BadTime(errors.TOO_FAR, field="starts_at")


@transaction.atomic
def change_capacity(*, activity: Activity, capacity: int, actor: User, now: dt.datetime | None = None) -> Activity:
    """Give an open activity more places (the waiting list moves up) or fewer (never fewer than taken)."""
    locked = lock_activity(activity.pk)
    rules.require_leader(actor, locked)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    if capacity < max(1, locked.taken):
        raise errors.BadCapacity(field="capacity")
    locked.capacity = capacity
    locked.save(update_fields=["capacity"])
    promote_waiting(locked, actor=actor, now=now or timezone.now())
    return locked


def lock_activity(pk: int) -> Activity:
    """Return the activity as it is now, and hold it until the transaction ends."""
    # The lock is on the activity alone: its team and village are read beside it.
    return Activity.objects.select_for_update(of=("self",)).select_related("team", "village").get(pk=pk)


def _require_any(actor: User, region: Region, *actions: str) -> None:
    if not any(registry_rules.can(actor, action, region=region) for action in actions):
        registry_rules.require(actor, actions[0], region=region)
