"""Service records: entering, mending, sending for verification. The resident's row is locked before any is written."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from timebank.common import events
from timebank.common.days import end_of_day
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.policy.models import Category
from timebank.registry import rules as registry_rules
from timebank.registry.errors import ResidentClosed
from timebank.registry.models import Region, Resident, User
from timebank.service import errors, rules
from timebank.service.models import Activity, Record, RecordChange
from timebank.service.rules import VERIFY_RECORD

State = Record.State
MOST = 100_000  # of anything counted in one record; more is a slip of the pen
WITHOUT_TIME = (Category.Unit.ML, Category.Unit.PIECES)  # given without time of one's own that anybody could state


@transaction.atomic
def enter_record(
    *,
    resident: Resident,
    category: str | Category,
    served_on: dt.date,
    minutes: int,
    actor: User,
    quantity: int = 1,
    activity: Activity | None = None,
    started_at: dt.datetime | None = None,
    title: str = "",
    reason: str = "",
    draft: bool = False,
    given_twice: bool = False,
    now: dt.datetime | None = None,
) -> Record:
    """Enter hours by hand (a paper slip, an activity whose attendance failed) and send them for verification.

    ``started_at`` lets the overlap check be exact; without it the day's total is checked, and whether just these hours
    stand there already (``SameHours``): one slip in two hands is one, unless somebody says ``given_twice``.
    """
    now = now or timezone.now()
    person = lock_resident(resident.pk)
    _require_clerk(actor, person, activity)
    if person.status != Resident.Status.ACTIVE:
        raise ResidentClosed
    if activity is not None:
        if activity.status == Activity.Status.CANCELLED:
            raise errors.ActivityNotOpen
        started_at = started_at or activity.starts_at
        category, title = activity.category_id, title or activity.title
        served_on = rules.local_day(started_at)
        if minutes > activity.planned_minutes:
            raise errors.BadMinutes(field="minutes")
        rules.require_suited(activity, person)
        if person.service_records.filter(activity=activity).exclude(state=State.REVERSED).exists():
            raise errors.RecordExists
    elif started_at is not None:
        served_on = rules.local_day(started_at)
    kind = kind_of(category, actor=actor, village=person.village)
    if not 1 <= quantity <= MOST or (quantity != 1 and kind.unit == Category.Unit.MINUTES):
        raise errors.BadQuantity(field="quantity")
    ended_at = started_at + dt.timedelta(minutes=minutes) if started_at is not None and minutes else None
    _require_time(served_on, minutes, now, least=0 if kind.unit in WITHOUT_TIME else 1)
    _require_over(served_on, minutes, ended_at, now)
    require_no_overlap(person.pk, served_on, minutes, started_at, ended_at)
    if started_at is None and minutes and not given_twice:
        _require_no_same(person, kind, served_on, minutes, quantity)
    record = Record.objects.create(
        resident=person,
        village=person.village,
        activity=activity,
        source=Record.Source.ENTERED,
        category=kind,
        unit=kind.unit,
        quantity=quantity,
        title=clean_text(title),
        served_on=served_on,
        started_at=started_at,
        ended_at=ended_at,
        minutes=minutes,
        evidence=rules.evidence_of(Record.Source.ENTERED, "", "", False),
        is_flagged=is_late(served_on, now),
        state=State.DRAFT if draft else State.SUBMITTED,
        entered_at=now,
        entered_by=actor,
    )
    log_change(record, actor=actor, was="", now=now, reason=reason, code="entered")
    return record


@transaction.atomic
def submit_record(
    *,
    record: Record,
    actor: User,
    minutes: int | None = None,
    reason: str = "",
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Record:
    """Send a draft, or a returned record that was mended, for verification. Whoever sends it may not verify it.

    The person whose hours they are may mend them, as may their helper and who could have entered them.
    """
    now = now or timezone.now()
    person = lock_resident(record.resident_id)
    locked = lock_record(record.pk)
    if person.merged_into_id is not None:
        raise ResidentClosed  # what could not move along stands there already: these hours count once
    if not registry_rules.can_act_for(actor, person, on_behalf_of):
        _require_clerk(actor, person, locked.activity)
    rules.require_step(locked, State.SUBMITTED)
    was = locked.state
    if was == State.RETURNED and not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    if minutes is not None:
        most = locked.activity.planned_minutes if locked.activity is not None else rules.MAX_DAY_MINUTES
        if minutes > most:
            raise errors.BadMinutes(field="minutes")
        locked.minutes = minutes
        if locked.started_at is not None:
            locked.ended_at = locked.started_at + dt.timedelta(minutes=minutes) if minutes else None
    _require_time(locked.served_on, locked.minutes, now, least=0 if locked.unit in WITHOUT_TIME else 1)
    _require_over(locked.served_on, locked.minutes, locked.ended_at, now)
    require_no_overlap(
        person.pk, locked.served_on, locked.minutes, locked.started_at, locked.ended_at, besides=locked.pk
    )
    locked.state, locked.entered_by = State.SUBMITTED, actor
    locked.verified_at = locked.verified_by = None
    locked.notice_list = locked.notice_from = locked.notice_until = None
    locked.save()
    for_whom = rules.behalf(actor, person) if on_behalf_of is not None else None
    log_change(locked, actor=actor, was=was, now=now, reason=reason, code="submitted", on_behalf_of=for_whom)
    return locked


# -- Shared ------------------------------------------------------------------------------------------------------------
def lock_resident(pk: int) -> Resident:
    """Return the resident as they are now; their row is the gate for everything that must not overlap."""
    return Resident.objects.select_for_update(of=("self",)).select_related("village").get(pk=pk)


def lock_record(pk: int) -> Record:
    """Return the record as it is now, and hold it until the transaction ends."""
    return (
        Record.objects.select_for_update(of=("self",))
        .select_related("resident", "village", "activity", "activity__team", "activity__village", "attendance")
        .get(pk=pk)
    )


def log_change(
    record: Record,
    *,
    actor: User | None,
    was: str,
    now: dt.datetime,
    reason: str = "",
    code: str = "",
    on_behalf_of: Resident | None = None,
) -> RecordChange:
    """Keep who, when and why of a change."""
    return RecordChange.objects.create(
        record=record,
        occurred_at=now,
        actor=actor,
        on_behalf_of=on_behalf_of,
        from_state=was,
        to_state=record.state,
        minutes=record.minutes,
        code=code,
        reason=clean_text(reason, lines=True),
    )


def named(record: Record) -> dict[str, str]:
    """Return the facts by which a message names a record in the reader's language."""
    return {"what": record.title, "category": record.category_id}


def tell(
    record: Record, kind: str, now: dt.datetime, facts: dict[str, Any], recipients: Sequence[str] | None = None
) -> None:
    """Emit what happened to a record, for its person or for ``recipients``."""
    events.emit(
        kind,
        subject=record,
        recipients=[f"resident:{record.resident_id}"] if recipients is None else recipients,
        region=record.village,
        facts={**named(record), **facts},
        occurred_at=now,
    )


def is_late(served_on: dt.date, now: dt.datetime) -> bool:
    """Tell whether a record entered now missed the working days that Order 67 (2021), art. 11 allows."""
    return rules.local_day(now) > rules.add_working_days(served_on, settings.ENTRY_WORKING_DAYS)


def require_no_overlap(
    resident_pk: int,
    served_on: dt.date,
    minutes: int,
    started_at: dt.datetime | None,
    ended_at: dt.datetime | None,
    *,
    besides: int | None = None,
) -> None:
    """Refuse a record whose time the person has already given elsewhere; call with the resident's row locked."""
    counted = Record.objects.filter(resident_id=resident_pk, state__in=Record.COUNTED)
    if besides is not None:
        counted = counted.exclude(pk=besides)
    if (
        started_at is not None
        and ended_at is not None
        and counted.filter(started_at__lt=ended_at, ended_at__gt=started_at).exists()
    ):
        raise errors.OverlappingRecord
    given = counted.filter(served_on=served_on).aggregate(sum=Sum("minutes"))["sum"] or 0
    if given + minutes > rules.MAX_DAY_MINUTES:
        raise errors.OverlappingRecord(errors.DAY_IS_FULL)


def busy_residents(spans: Mapping[int, tuple[dt.datetime, dt.datetime]]) -> dict[int, str]:
    """Return why a resident's span can't stand: "overlap" with a record, or "day_full"; their rows are locked."""
    if not spans:
        return {}
    days = {rules.local_day(start) for start, _ in spans.values()}
    first, last = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    rows: Iterable[tuple[int, dt.date, int, dt.datetime | None, dt.datetime | None]] = (
        Record.objects.filter(resident_id__in=spans, state__in=Record.COUNTED)
        .filter(Q(served_on__in=days) | Q(started_at__lt=last, ended_at__gt=first))
        .values_list("resident_id", "served_on", "minutes", "started_at", "ended_at")
    )
    busy: dict[int, str] = {}
    given: dict[tuple[int, dt.date], int] = defaultdict(int)
    for resident, day, minutes, start, end in rows:
        given[resident, day] += minutes
        if start is not None and end is not None and start < spans[resident][1] and end > spans[resident][0]:
            busy[resident] = "overlap"
    for resident, (start, end) in spans.items():
        minutes = int((end - start).total_seconds()) // 60
        if given[resident, rules.local_day(start)] + minutes > rules.MAX_DAY_MINUTES:
            busy.setdefault(resident, "day_full")
    return busy


def _require_clerk(actor: User, resident: Resident, activity: Activity | None) -> None:
    if not rules.may_enter(actor, resident, activity):
        raise errors.NotTheLeader


def kind_of(category: str | Category, *, actor: User | None, village: Region) -> Category:
    """Return a category that this person may enter in this village; refuses what is unknown, closed or not theirs."""
    kind = category if isinstance(category, Category) else Category.objects.filter(code=category).first()
    if kind is None or not kind.is_active or kind.entered_by == Category.Entry.NOBODY:
        raise errors.UnknownCategory(field="category")
    if kind.entered_by == Category.Entry.STAFF:
        registry_rules.require(actor, VERIFY_RECORD, region=village)
    return kind


def _require_no_same(person: Resident, kind: Category, served_on: dt.date, minutes: int, quantity: int) -> None:
    same = person.service_records.filter(category=kind, served_on=served_on, minutes=minutes, quantity=quantity)
    if same.filter(state__in=(*Record.COUNTED, State.RETURNED)).exists():
        raise errors.SameHours(field="given_twice")


def _require_time(served_on: dt.date, minutes: int, now: dt.datetime, *, least: int = 1) -> None:
    if not least <= minutes <= rules.MAX_DAY_MINUTES:
        raise errors.BadMinutes(field="minutes")
    if served_on > rules.local_day(now):
        raise errors.BadDay(field="served_on")


def _require_over(served_on: dt.date, minutes: int, ended_at: dt.datetime | None, now: dt.datetime) -> None:
    """Refuse hours that can't be over yet: nothing ends after now."""
    if ended_at is None:
        ended_at = end_of_day(served_on - dt.timedelta(days=1)) + dt.timedelta(minutes=minutes)
    if ended_at > now:
        raise errors.NotOverYet(field="minutes")
