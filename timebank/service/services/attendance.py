"""Who came, who left, and closing an activity into records. Lock order: activity, then residents by id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from timebank.common import sweeps
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.common.sweeps import Sweep
from timebank.registry.models import Resident, User
from timebank.service import errors, rules, tokens
from timebank.service.models import Activity, Attendance, Method, Record, RecordChange, SignUp
from timebank.service.services.records import busy_residents, is_late, log_change, require_no_overlap
from timebank.service.services.signups import lock_both, require_hand, take_place

CARD_AGAIN = dt.timedelta(minutes=3)
NO_CHECK_OUT = "no_check_out"  # an attendance without minutes, until the leader states them


def attendance_token(activity: Activity, now: dt.datetime | None = None, *, shown_by: User | None = None) -> str:
    """Return the code that ``shown_by`` shows now; it is worth ``settings.QR_SECONDS``."""
    return tokens.make(
        tokens.CODE, activity.pk, now or timezone.now(), shown_by=shown_by.pk if shown_by is not None else None
    )


@transaction.atomic
def check_in(
    *,
    resident: Resident,
    actor: User | None,
    token: str = "",
    activity: Activity | None = None,
    method: str = Method.LIST,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Attendance:
    """Note that a person came: by a fresh ``token``, or by the leader with ``activity``. Twice is once.

    Who had not signed up takes a place now, if there is one.
    """
    now = now or timezone.now()
    locked, person, how, shown_by = _gate(token, activity, resident, actor, on_behalf_of, method, now)
    known = locked.attendances.filter(resident=person).first()
    if known is not None:
        return known
    require_time_to_come(locked, now)
    require_can_come(locked, person, titles_elsewhere([person.pk], now))
    seat(locked, person, actor, now)
    return Attendance.objects.create(
        activity=locked,
        resident=person,
        checked_in_at=now,
        check_in_method=how,
        checked_in_by=actor,
        check_in_code_by_id=shown_by,
    )


@transaction.atomic
def check_out(
    *,
    resident: Resident,
    actor: User | None,
    token: str = "",
    activity: Activity | None = None,
    method: str = Method.LIST,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Attendance:
    """Note that a person left. The first check-out counts; the leader can take a mistaken one back."""
    now = now or timezone.now()
    locked, person, how, shown_by = _gate(token, activity, resident, actor, on_behalf_of, method, now)
    seen = locked.attendances.filter(resident=person).first()
    if seen is None:
        raise errors.NotCheckedIn
    if seen.checked_out_at is None:
        seen.checked_out_at, seen.check_out_method, seen.checked_out_by = max(now, seen.checked_in_at), how, actor
        seen.check_out_code_by_id = shown_by
        seen.save(update_fields=["checked_out_at", "check_out_method", "checked_out_by", "check_out_code_by"])
    return seen


@transaction.atomic
def undo_check_out(*, activity: Activity, resident: Resident, actor: User) -> Attendance:
    """Take a mistaken check-out back while the activity is open; only the leader can."""
    locked, person = lock_both(activity.pk, resident.pk)
    rules.require_leader(actor, locked)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    seen = locked.attendances.filter(resident=person).first()
    if seen is None:
        raise errors.NotCheckedIn
    seen.checked_out_at, seen.check_out_method, seen.checked_out_by, seen.check_out_code_by = None, "", None, None
    seen.save(update_fields=["checked_out_at", "check_out_method", "checked_out_by", "check_out_code_by"])
    return seen


def close_activity(*, activity: Activity, actor: User, now: dt.datetime | None = None) -> Activity:
    """Close an activity: who forgot to check out left at the planned end, who did not come is a no-show, and every
    other attendance becomes a submitted record. Closing twice is closing once."""
    with transaction.atomic():
        locked = _lock(activity.pk)
        rules.require_leader(actor, locked)
        return _close(locked, actor, now or timezone.now())


@transaction.atomic
def read_card(
    *, activity: Activity, resident: Resident, actor: User, now: dt.datetime | None = None
) -> tuple[Attendance, str]:
    """Check the holder of a card in, at the next reading out; return what it did: "in", "out" or "" for nothing.

    A second reading within ``CARD_AGAIN`` of the first is the same reading: nobody leaves as they come.
    """
    now = now or timezone.now()
    locked, person = lock_both(activity.pk, resident.pk)
    seen = locked.attendances.filter(resident=person).first()
    if seen is None:
        made = check_in(activity=locked, resident=person, actor=actor, method=Method.CARD, now=now)
        return made, "in"
    rules.require_leader(actor, locked)
    if seen.checked_out_at is not None or now - seen.checked_in_at < CARD_AGAIN:
        return seen, ""
    return check_out(activity=locked, resident=person, actor=actor, method=Method.CARD, now=now), "out"


@transaction.atomic
def state_time(
    *, activity: Activity, resident: Resident, minutes: int, actor: User, reason: str, now: dt.datetime | None = None
) -> Record:
    """State how long somebody stayed who forgot to check out, with a reason; another person verifies it.

    Never longer than from their check-in to the planned end.
    """
    now = now or timezone.now()
    locked, person = lock_both(activity.pk, resident.pk)
    rules.require_leader(actor, locked)
    if locked.status != Activity.Status.CLOSED:
        raise errors.ActivityNotOpen
    seen = locked.attendances.filter(resident=person).first()
    if seen is None or seen.problem != NO_CHECK_OUT:
        raise errors.NothingToState
    if locked.records.filter(resident=person).exclude(state=Record.State.REVERSED).exists():
        raise errors.RecordExists
    reason = clean_text(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    start = max(seen.checked_in_at, locked.starts_at)
    if not 1 <= minutes <= rules.minutes_between(start, locked.ends_at, locked.starts_at, locked.ends_at):
        raise errors.BadMinutes(field="minutes")
    end = start + dt.timedelta(minutes=minutes)
    require_no_overlap(person.pk, rules.local_day(start), minutes, start, end)
    seen.checked_out_at, seen.check_out_method, seen.checked_out_by = end, Method.CLOSE, actor
    seen.problem = ""
    seen.save(update_fields=["checked_out_at", "check_out_method", "checked_out_by", "problem"])
    record = _record(locked, seen, (start, end), actor, now)
    record.save()
    log_change(record, actor=actor, was="", now=now, reason=reason, code="stated")
    return record


def _overdue(now: dt.datetime) -> QuerySet[Any, int]:
    due = Activity.objects.filter(status=Activity.Status.OPEN, ends_at__lte=now - rules.CLOSE_AFTER)
    return due.order_by("pk").values_list("pk", flat=True)


def _close_forgotten(pk: int, now: dt.datetime) -> int | None:
    locked = _lock(pk)
    if locked.status != Activity.Status.OPEN:
        return None
    _close(locked, None, now)
    return pk


CLOSE_FORGOTTEN = Sweep("close forgotten activities", due=_overdue, handle=_close_forgotten, every=15 * 60)


def close_overdue(*, now: dt.datetime | None = None) -> list[int]:
    """Close what its leader forgot to close; each in a transaction of its own. Returns the activities closed."""
    return [pk for pk in sweeps.run(CLOSE_FORGOTTEN, now=now, at_once=True).results if pk is not None]


def _lock(pk: int) -> Activity:
    return Activity.objects.select_for_update(of=("self",)).select_related("team", "village").get(pk=pk)


def _gate(
    token: str,
    activity: Activity | None,
    resident: Resident,
    actor: User | None,
    on_behalf_of: Resident | None,
    method: str,
    now: dt.datetime,
) -> tuple[Activity, Resident, str, int | None]:
    """Lock both and check by what right this person's time is noted; return who showed the code, too."""
    shown_by = None
    if token:
        pk, shown_by = _named(token, now)
        locked, person = lock_both(pk, resident.pk)
        require_hand(actor, locked, person, on_behalf_of)
        how: str = Method.QR
    else:
        if activity is None:
            raise errors.TokenInvalid
        locked, person = lock_both(activity.pk, resident.pk)
        rules.require_leader(actor, locked)
        how = Method(method)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    return locked, person, how, shown_by


def _named(token: str, now: dt.datetime) -> tokens.Opened:
    opened = tokens.opened(token, now)
    if not Activity.objects.filter(pk=opened.activity).exists():
        raise errors.TokenInvalid
    return opened


def require_time_to_come(activity: Activity, now: dt.datetime) -> None:
    """Refuse a check-in before or after its time."""
    if now < activity.starts_at - rules.CHECK_IN_BEFORE:
        raise errors.TooEarly
    if now >= activity.ends_at:
        raise errors.ActivityOver


def titles_elsewhere(residents: Iterable[int], now: dt.datetime) -> dict[int, str]:
    """Return, by resident, the title of the activity at which somebody still is."""
    return dict(
        Attendance.objects.filter(resident__in=residents, checked_out_at__isnull=True)
        .filter(activity__status=Activity.Status.OPEN, activity__ends_at__gt=now)
        .order_by("-pk")
        .values_list("resident_id", "activity__title")
    )


def require_can_come(activity: Activity, resident: Resident, elsewhere: Mapping[int, str]) -> None:
    """Refuse whom the activity is not for, and who has not left another one."""
    rules.require_suited(activity, resident)
    if resident.pk in elsewhere:
        raise errors.CheckedInElsewhere(elsewhere[resident.pk])


def seat(activity: Activity, resident: Resident, actor: User | None, now: dt.datetime) -> None:
    """Give whoever comes without a place one of those left."""
    mine = activity.sign_ups.filter(resident=resident, state__in=SignUp.LIVE).first()
    if mine is not None and mine.state == SignUp.State.GOING:
        return
    if not take_place(activity):
        raise errors.ActivityFull
    if mine is None:
        SignUp.objects.create(
            activity=activity, resident=resident, state=SignUp.State.GOING, created_at=now, actor=actor
        )
    else:
        mine.state, mine.changed_at, mine.changed_by = SignUp.State.GOING, now, actor
        mine.save(update_fields=["state", "changed_at", "changed_by"])


def _close(activity: Activity, actor: User | None, now: dt.datetime) -> Activity:
    if activity.status == Activity.Status.CLOSED:
        return activity
    if activity.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    if now < activity.starts_at:
        raise errors.TooEarly(errors.CLOSE_LATER)
    seen = list(activity.attendances.select_related("resident", "resident__village").order_by("resident_id"))
    people = [item.resident_id for item in seen]
    # One gate per person, in one order, so that no other record of theirs can slip in beside ours.
    list(Resident.objects.select_for_update(of=("self",)).filter(pk__in=people).order_by("pk").values_list("pk"))
    records = _records(activity, seen, actor, now)
    Attendance.objects.bulk_update(
        seen, ["checked_out_at", "check_out_method", "checked_out_by", "forgot_to_leave", "problem"], batch_size=500
    )
    kept = Record.objects.bulk_create(records, batch_size=500)
    RecordChange.objects.bulk_create(
        [
            RecordChange(
                record=item,
                occurred_at=now,
                actor=actor,
                to_state=item.state,
                minutes=item.minutes,
                code="from_attendance",
            )
            for item in kept
        ],
        batch_size=500,
    )
    live = activity.sign_ups.filter(state__in=SignUp.LIVE)
    live.filter(resident__in=people).update(state=SignUp.State.ATTENDED, changed_at=now, changed_by=actor)
    live.filter(state=SignUp.State.GOING).update(state=SignUp.State.NO_SHOW, changed_at=now, changed_by=actor)
    live.filter(state=SignUp.State.WAITING).update(state=SignUp.State.WITHDRAWN, changed_at=now, changed_by=actor)
    activity.status, activity.ended_at, activity.ended_by = Activity.Status.CLOSED, now, actor
    activity.save(update_fields=["status", "ended_at", "ended_by"])
    return activity


def _records(activity: Activity, seen: list[Attendance], actor: User | None, now: dt.datetime) -> list[Record]:
    """Finish each attendance and return the records to keep."""
    records: list[Record] = []
    spans: dict[int, tuple[dt.datetime, dt.datetime]] = {}
    for item in seen:
        if item.checked_out_at is None:
            if actor is None or now >= activity.ends_at:
                # Nobody saw them go: no minutes count until the leader states them with a reason.
                item.forgot_to_leave, item.problem = True, NO_CHECK_OUT
                continue
            item.checked_out_at = max(now, item.checked_in_at)
            item.check_out_method, item.checked_out_by = Method.CLOSE, actor
        start = max(item.checked_in_at, activity.starts_at)
        minutes = rules.minutes_between(item.checked_in_at, item.checked_out_at, activity.starts_at, activity.ends_at)
        if minutes == 0:
            item.problem = "too_short"
        else:
            spans[item.resident_id] = (start, start + dt.timedelta(minutes=minutes))
    busy = busy_residents(spans)
    by_hand = set(
        Record.objects.filter(activity=activity, resident_id__in=[item.resident_id for item in seen])
        .exclude(state=Record.State.REVERSED)
        .values_list("resident_id", flat=True)
    )
    for item in seen:
        # What was entered by hand counts.
        item.problem = "entered" if item.resident_id in by_hand else busy.get(item.resident_id, item.problem)
        if item.problem:
            continue
        records.append(_record(activity, item, spans[item.resident_id], actor, now))
    return records


def _record(
    activity: Activity, seen: Attendance, span: tuple[dt.datetime, dt.datetime], actor: User | None, now: dt.datetime
) -> Record:
    """Return the submitted record of an attendance; not saved yet."""
    start, end = span
    day = rules.local_day(start)
    return Record(
        resident=seen.resident,
        village=seen.resident.village,
        activity=activity,
        attendance=seen,
        source=Record.Source.ATTENDANCE,
        category_id=activity.category_id,
        unit=activity.category.unit,
        title=activity.title,
        served_on=day,
        started_at=start,
        ended_at=end,
        minutes=int((end - start).total_seconds()) // 60,
        evidence=rules.evidence_of(
            Record.Source.ATTENDANCE, seen.check_in_method, seen.check_out_method, seen.forgot_to_leave
        ),
        is_flagged=seen.forgot_to_leave or is_late(day, now),
        state=Record.State.SUBMITTED,
        entered_at=now,
        entered_by=actor,
    )
