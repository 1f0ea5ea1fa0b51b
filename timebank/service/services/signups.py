"""Places in an activity. Lock order: activity, then residents by id."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from timebank.common.errors import DomainError
from timebank.common.events import emit
from timebank.registry.models import Resident, User
from timebank.registry.rules import can_act_for
from timebank.service import errors, rules
from timebank.service.models import Activity, SignUp


@transaction.atomic
def sign_up(
    *,
    activity: Activity,
    resident: Resident,
    actor: User | None,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> SignUp:
    """Take a place, or the next one on the waiting list when all are taken. Signing up twice is signing up once.

    ``on_behalf_of``: the person for whom this session proved that it acts (by proxy, or by card and PIN).
    """
    now = now or timezone.now()
    locked, person = lock_both(activity.pk, resident.pk)
    require_hand(actor, locked, person, on_behalf_of)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    if now >= locked.ends_at:
        raise errors.ActivityOver
    live = locked.sign_ups.filter(resident=person, state__in=SignUp.LIVE).first()
    if live is not None:
        return live
    if locked.sign_ups.filter(resident=person).exclude(state=SignUp.State.WITHDRAWN).exists():
        raise errors.AlreadySignedUp
    rules.require_suited(locked, person)
    require_free(locked, person)
    state = SignUp.State.GOING if take_place(locked) else SignUp.State.WAITING
    return SignUp.objects.create(activity=locked, resident=person, state=state, created_at=now, actor=actor)


@transaction.atomic
def withdraw(
    *,
    activity: Activity,
    resident: Resident,
    actor: User | None,
    on_behalf_of: Resident | None = None,
    reason: str = "",
    now: dt.datetime | None = None,
) -> SignUp:
    """Give the place back; the first on the waiting list gets it."""
    now = now or timezone.now()
    locked, person = lock_both(activity.pk, resident.pk)
    require_hand(actor, locked, person, on_behalf_of)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    mine = locked.sign_ups.filter(resident=person, state__in=SignUp.LIVE).first()
    if mine is None:
        raise errors.NotSignedUp
    if locked.attendances.filter(resident=person).exists():
        raise errors.AlreadyCheckedIn
    had_place = mine.state == SignUp.State.GOING
    mine.state, mine.changed_at, mine.changed_by, mine.reason = SignUp.State.WITHDRAWN, now, actor, reason
    mine.save(update_fields=["state", "changed_at", "changed_by", "reason"])
    if had_place:
        locked.taken -= 1
        locked.save(update_fields=["taken"])
        promote_waiting(locked, actor=actor, now=now)
    return mine


@dataclass
class SeriesReport:
    """What one sign-up for a series brought: places, places in the line, and dates that could not be had."""

    going: list[Activity] = field(default_factory=list)
    waiting: list[Activity] = field(default_factory=list)
    refused: list[tuple[Activity, DomainError]] = field(default_factory=list)


@transaction.atomic
def sign_up_for_series(
    *,
    activity: Activity,
    resident: Resident,
    actor: User | None,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> SeriesReport:
    """Take a place in an activity and in all that come after it in its series; a date that is refused stops no other.

    Where none can be had, the first refusal is raised.
    """
    now = now or timezone.now()
    report = SeriesReport()
    for row in _lock_series(activity):
        try:
            with transaction.atomic():
                mine = sign_up(activity=row, resident=resident, actor=actor, on_behalf_of=on_behalf_of, now=now)
        except DomainError as error:
            report.refused.append((row, error))
        else:
            (report.going if mine.state == SignUp.State.GOING else report.waiting).append(row)
    if not report.going and not report.waiting and report.refused:
        raise report.refused[0][1]
    return report


@transaction.atomic
def withdraw_from_series(
    *,
    activity: Activity,
    resident: Resident,
    actor: User | None,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> list[SignUp]:
    """Give back the places in an activity and in all that come after it in its series."""
    now = now or timezone.now()
    rows = _lock_series(activity)
    held = resident.sign_ups.filter(activity__in=rows, state__in=SignUp.LIVE).values_list("activity_id", flat=True)
    mine = set(held)
    if not mine:
        raise errors.NotSignedUp
    return [
        withdraw(activity=row, resident=resident, actor=actor, on_behalf_of=on_behalf_of, now=now)
        for row in rows
        if row.pk in mine
    ]


def _lock_series(activity: Activity) -> list[Activity]:
    """Hold an activity and what is open after it in its series, by id, before any resident; soonest first.

    One after the other, each with its resident, they would cross with somebody else's sign-up.
    """
    same = Q(pk=activity.pk)
    if activity.series_id is not None:
        after = Q(series=activity.series_id, starts_at__gt=activity.starts_at)
        same |= after & Q(status=Activity.Status.OPEN)
    rows = Activity.objects.select_for_update(of=("self",)).filter(same).order_by("pk")
    return sorted(rows, key=lambda row: (row.starts_at, row.pk))


# -- Shared with attendance; call only with the activity locked --------------------------------------------------------
def lock_both(activity_pk: int, resident_pk: int) -> tuple[Activity, Resident]:
    """Lock the activity, then the resident, and return both as they are now.

    The resident's row is the gate for everything that must not overlap in one person's time.
    """
    activity = Activity.objects.select_for_update(of=("self",)).select_related("team", "village").get(pk=activity_pk)
    resident = Resident.objects.select_for_update(of=("self",)).select_related("village").get(pk=resident_pk)
    return activity, resident


def require_hand(
    actor: User | None, activity: Activity, resident: Resident, on_behalf_of: Resident | None = None
) -> None:
    """Refuse whoever is neither this person, nor acts for them, nor leads the activity."""
    if can_act_for(actor, resident, on_behalf_of) or rules.leads(actor, activity.team, activity.village):
        return
    raise errors.NotYours


def require_free(activity: Activity, resident: Resident) -> None:
    """Refuse a second sign-up at the same time; the resident's row is locked, so two cannot pass at once."""
    clash = (
        SignUp.objects.filter(resident=resident, state__in=SignUp.LIVE, activity__status=Activity.Status.OPEN)
        .filter(Q(activity__starts_at__lt=activity.ends_at, activity__ends_at__gt=activity.starts_at))
        .exclude(activity=activity)
        .select_related("activity")
        .first()
    )
    if clash is not None:
        raise errors.OverlappingSignUp(clash.activity.title)


def take_place(activity: Activity) -> bool:
    """Take one place of a locked activity if there is one."""
    if activity.taken >= activity.capacity:
        return False
    activity.taken += 1
    activity.save(update_fields=["taken"])
    return True


def promote_waiting(activity: Activity, *, actor: User | None, now: dt.datetime) -> list[SignUp]:
    """Give free places of a locked activity to those who have waited longest, and tell them; not once it has begun."""
    moved: list[SignUp] = []
    if now >= activity.starts_at:
        return moved  # who is promoted while others work is a no-show before anybody could tell them
    waiting = activity.sign_ups.filter(state=SignUp.State.WAITING).order_by("created_at", "pk")
    for item in waiting[: activity.capacity - activity.taken]:
        item.state, item.changed_at, item.changed_by = SignUp.State.GOING, now, actor
        item.save(update_fields=["state", "changed_at", "changed_by"])
        moved.append(item)
    if moved:
        activity.taken += len(moved)
        activity.save(update_fields=["taken"])
        emit(
            "place_freed",
            subject=activity,
            recipients=[f"resident:{item.resident_id}" for item in moved],
            region=activity.village,
            facts={"title": activity.title, "starts_at": activity.starts_at.isoformat()},
            occurred_at=now,
        )
    return moved
