"""What becomes of an activity before it takes place: it comes back weekly, is changed, is cancelled, is reminded of.

Whoever is signed up is told once, however many activities of a series are meant. Lock order: activities by id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from timebank.common import events
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.policy.models import Category
from timebank.registry.models import User
from timebank.registry.services import record_audit
from timebank.service import errors, rules
from timebank.service.models import Activity, ActivitySeries, SignUp, Team
from timebank.service.services.activities import open_activity, require_times
from timebank.service.services.records import kind_of

MOST_WEEKS = 26
REMIND_BEFORE = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)


@transaction.atomic
def open_series(
    *,
    team: Team,
    weeks: int,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    actor: User,
    now: dt.datetime | None = None,
    **what: Any,
) -> list[Activity]:
    """Open an activity that comes back at the same hour for so many weeks; ``what`` is as for ``open_activity``."""
    now = now or timezone.now()
    if not 1 <= weeks <= MOST_WEEKS:
        raise errors.BadWeeks(field="weeks")
    series = ActivitySeries.objects.create(team=team, created_at=now, created_by=actor) if weeks > 1 else None
    length = ends_at - starts_at
    opened = []
    for week in range(weeks):
        begins = _moved(starts_at, week * WEEK)
        opened.append(
            open_activity(
                team=team, actor=actor, series=series, now=now, starts_at=begins, ends_at=begins + length, **what
            )
        )
    return opened


def _moved(instant: dt.datetime, by: dt.timedelta) -> dt.datetime:
    """Return the same hour of the clock so many days on."""
    clock = timezone.localtime(instant)
    return timezone.make_aware(clock.replace(tzinfo=None) + by)


def _lock(activity: Activity, following: bool) -> list[Activity]:
    """Hold an activity, and with ``following`` what comes after it in its series and is still open; soonest first."""
    these = Q(pk=activity.pk)
    if following and activity.series_id is not None:
        after = Q(series=activity.series_id, starts_at__gt=activity.starts_at)
        these |= after & Q(status=Activity.Status.OPEN)
    rows = Activity.objects.select_for_update(of=("self",)).select_related("team", "village", "category").filter(these)
    return sorted(rows.order_by("pk"), key=lambda item: (item.starts_at, item.pk))


@transaction.atomic
def change_activity(
    *,
    activity: Activity,
    title: str,
    category: str | Category,
    place: str,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    actor: User,
    details: str = "",
    min_age: int | None = None,
    audience: str = Activity.Audience.TOWN,
    following: bool = False,
    now: dt.datetime | None = None,
) -> Activity:
    """Change what an open activity says; ``following``: also what comes after it in its series, moved by as much.

    Whoever has a place keeps it, also where the activity is now for fewer people; they are told what is new.
    """
    now = now or timezone.now()
    rows = _lock(activity, following)
    first = next(row for row in rows if row.pk == activity.pk)
    by, length = timezone.localtime(starts_at).replace(tzinfo=None), ends_at - starts_at
    shift = by - timezone.localtime(first.starts_at).replace(tzinfo=None)
    said = {
        "title": clean_text(title),
        "place": clean_text(place),
        "details": clean_text(details, lines=True),
        "min_age": min_age,
        "audience": Activity.Audience(audience),
    }
    changed, told = [], []
    for row in rows:
        rules.require_leader(actor, row)
        if row.status != Activity.Status.OPEN:
            raise errors.ActivityNotOpen
        begins = _moved(row.starts_at, shift)
        kind = kind_of(category, actor=actor, village=row.village)
        new = {**said, "starts_at": begins, "ends_at": begins + length, "category_id": kind.code}
        names = [name for name, value in new.items() if getattr(row, name) != value]
        _require_changeable(row, names, now, begins, begins + length)
        if not names:
            continue
        for name in names:
            setattr(row, name, new[name])
        if "starts_at" in names:
            row.reminded_at = None
        row.save(update_fields=[name.removesuffix("_id") for name in [*names, "reminded_at"]])
        if {"title", "place", "starts_at", "ends_at", "details"} & set(names):
            told.append(row)
        changed.append(row)
    if told:
        _tell("activity_changed" if len(told) == 1 else "series_changed", told, {}, now)
    if changed:
        facts = {"activities": [row.pk for row in changed]}
        _audit("change_activity", first, actor, "", facts, now)
    return first


def _require_changeable(
    row: Activity, names: Sequence[str], now: dt.datetime, starts_at: dt.datetime, ends_at: dt.datetime
) -> None:
    if "starts_at" in names or "ends_at" in names:
        require_times(starts_at, ends_at, now)
        if ends_at <= now:
            raise errors.ActivityOver(field="starts_at")
    if {"starts_at", "ends_at", "category_id", "audience"} & set(names) and row.attendances.exists():
        raise errors.AlreadyCheckedIn(errors.BEGUN)
    if "category_id" in names and row.sign_ups.filter(state__in=SignUp.LIVE).exists():
        raise errors.KindIsFixed(field="category")


@transaction.atomic
def cancel_activity(
    *, activity: Activity, actor: User, reason: str, following: bool = False, now: dt.datetime | None = None
) -> Activity:
    """Call an activity off (weather, too few people), with what comes after it in its series if ``following``.

    Nobody earns, nobody is a no-show. Who was signed up stays on the leader's list.
    """
    now = now or timezone.now()
    rows = _lock(activity, following)
    reason = clean_text(reason, lines=True)
    first = next(row for row in rows if row.pk == activity.pk)
    for row in rows:
        rules.require_leader(actor, row)
        if row.status != Activity.Status.OPEN:
            raise errors.ActivityNotOpen
        if not reason:
            raise ReasonMissing(field="reason")
        if row.attendances.exists():
            raise errors.AlreadyCheckedIn(errors.HAS_BEGUN)
        row.status, row.ended_at, row.ended_by, row.ended_reason = Activity.Status.CANCELLED, now, actor, reason
        row.taken = 0
        row.save(update_fields=["status", "ended_at", "ended_by", "ended_reason", "taken"])
        _audit("cancel_activity", row, actor, reason, {}, now)
    _tell("activity_cancelled" if len(rows) == 1 else "series_cancelled", rows, {"reason": reason}, now)
    live = SignUp.objects.filter(activity__in=rows, state__in=SignUp.LIVE)
    live.update(state=SignUp.State.CANCELLED, changed_at=now, changed_by=actor, reason=reason)
    return first


def _audit(action: str, row: Activity, actor: User, reason: str, facts: dict[str, Any], now: dt.datetime) -> None:
    subject = f"activity:{row.pk}"
    record_audit(
        actor=actor, action=action, subject=subject, region=row.village, reason=reason, facts=facts or None, now=now
    )


def _tell(kind: str, rows: Sequence[Activity], facts: dict[str, Any], now: dt.datetime, *, going: bool = False) -> None:
    """Tell each who is signed up once, about the first of ``rows`` (soonest first) in which they have a place."""
    by_pk = {row.pk: row for row in rows}
    states = (SignUp.State.GOING,) if going else SignUp.LIVE
    live = SignUp.objects.filter(activity__in=by_pk, state__in=states).order_by("activity__starts_at", "pk")
    first: dict[int, Activity] = {}
    for person, pk in live.values_list("resident_id", "activity_id"):
        first.setdefault(person, by_pk[pk])
    if not first:
        return
    head = rows[0]
    events.emit(
        kind,
        subject=head,
        recipients=[f"resident:{person}" for person in sorted(first)],
        region=head.village,
        facts={
            "title": head.title,
            "place": head.place,
            "starts_at": head.starts_at.isoformat(),
            **facts,
            "each": {
                f"resident:{person}": {"subject": f"activity:{row.pk}", "starts_at": row.starts_at.isoformat()}
                for person, row in first.items()
                if row != head
            },
        },
        occurred_at=now,
    )


# -- The day before ----------------------------------------------------------------------------------------------------
def _to_remind_of(now: dt.datetime) -> QuerySet[Any, int]:
    coming = Activity.objects.filter(
        status=Activity.Status.OPEN, reminded_at=None, starts_at__gt=now, starts_at__lte=now + REMIND_BEFORE
    )
    return coming.order_by("starts_at", "pk").values_list("pk", flat=True)


def _remind(pk: int, now: dt.datetime) -> None:
    row = Activity.objects.select_for_update(of=("self",)).select_related("village").get(pk=pk)
    if row.status != Activity.Status.OPEN or row.reminded_at is not None or row.starts_at <= now:
        return
    _tell("activity_soon", [row], {}, now, going=True)
    row.reminded_at = now
    row.save(update_fields=["reminded_at"])


REMIND = Sweep("remind of activities", due=_to_remind_of, handle=_remind, every=15 * 60)
