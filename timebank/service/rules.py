"""Who may do what in this app, which step may follow which, and how time is counted. Nothing here writes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from timebank.common.days import end_of_day
from timebank.policy.engine import ORGANISER
from timebank.registry import rules as registry_rules
from timebank.registry.errors import ResidentClosed
from timebank.registry.interests import CLIENT, HOUSEHOLD, OWN, interest_of, is_known
from timebank.registry.models import Region, Resident
from timebank.service import errors
from timebank.service.models import DAY_MINUTES, Activity, Method, Record, RecordChange, Team

State = Record.State

# What needs a role here (``duties`` says whose).
LEAD_ACTIVITY = "lead_activity"
VERIFY_RECORD = "verify_record"
PUBLISH_NOTICE = "publish_notice"
ANSWER_OBJECTION = "answer_objection"
DRAFT_SCHEME = "draft_scheme"
APPROVE_SCHEME = "approve_scheme"
ADOPT_SCHEME = "adopt_scheme"

MAX_DAY_MINUTES = 16 * 60  # more than that in one day is a slip of the pen
CHECK_IN_BEFORE = dt.timedelta(hours=1)
UNDO_WITHIN = dt.timedelta(hours=24)  # a verification, a notice list: while nothing has followed from it
CLOSE_AFTER = dt.timedelta(hours=12)  # an activity that its leader forgot closes by itself so long after its end

# What may follow what. A record is never deleted: it is returned, or reversed. (Two ways lead back, each by its own
# service with its own rules: ``undo_verification`` and ``withdraw_notice``.)
NEXT: dict[str, frozenset[str]] = {
    State.DRAFT: frozenset({State.SUBMITTED}),
    State.SUBMITTED: frozenset({State.VERIFIED, State.RETURNED}),
    State.VERIFIED: frozenset({State.PUBLISHED, State.RETURNED}),
    State.PUBLISHED: frozenset({State.CREDITED, State.DISPUTED}),
    State.DISPUTED: frozenset({State.PUBLISHED, State.RETURNED}),
    State.CREDITED: frozenset({State.REVERSED}),
    State.RETURNED: frozenset({State.SUBMITTED}),
    State.REVERSED: frozenset(),
}


def require_step(record: Record, to: str) -> None:
    """Refuse a step that does not follow from the record's present state."""
    if to not in NEXT[record.state]:
        raise errors.WrongState(state=record.state, to=str(to))


# -- People ------------------------------------------------------------------------------------------------------------
def factors_of(record: Record) -> list[str]:
    """Return the codes by which a scheme may multiply the price of a record: who led the occasion is its organiser."""
    activity, person = record.activity, record.resident.user_id
    if activity is not None and person is not None and person in (activity.team.leader_id, activity.opened_by_id):
        return [ORGANISER]
    return []


def leads(actor: Model | None, team: Team, village: Region) -> bool:
    """Tell whether someone may run activities of a team in a village."""
    if actor is None or not getattr(actor, "is_active", False):
        return False
    return team.leader_id == actor.pk or registry_rules.can(actor, LEAD_ACTIVITY, region=village)


def require_leader(actor: Model | None, activity: Activity) -> None:
    """Refuse whoever does not lead this activity."""
    if not leads(actor, activity.team, activity.village):
        raise errors.NotTheLeader


def may_enter(actor: Any, resident: Resident, activity: Activity | None) -> bool:
    """Tell whether someone may enter hours: who leads the activity, or leads or verifies in the resident's village."""
    if activity is not None and leads(actor, activity.team, activity.village):
        return True
    return any(registry_rules.can(actor, action, region=resident.village) for action in (LEAD_ACTIVITY, VERIFY_RECORD))


def may_mend(actor: Any, record: Record, on_behalf_of: Resident | None = None) -> bool:
    """Tell whether someone may send a draft, or mend a returned record and send it again."""
    return record.state in (State.DRAFT, State.RETURNED) and (
        registry_rules.can_act_for(actor, record.resident, on_behalf_of)
        or may_enter(actor, record.resident, record.activity)
    )


def may_reverse(actor: Any, record: Record) -> bool:
    """Tell whether someone may reverse a credited record: who may verify or audits there, but not who verified it."""
    return (
        record.state == State.CREDITED
        and record.verified_by_id != actor.pk
        and any(
            registry_rules.can(actor, action, region=record.village) for action in (VERIFY_RECORD, registry_rules.AUDIT)
        )
        and not interest_of(actor, record.resident)
    )


def may_undo_verification(actor: Any, record: Record, now: dt.datetime) -> bool:
    """Tell whether someone may take a verification back: who verified it, the same day, before it is published."""
    return (
        record.state == State.VERIFIED
        and record.verified_by_id == actor.pk
        and record.verified_at is not None
        and now < record.verified_at + UNDO_WITHIN
    )


def behalf(actor: Model | None, resident: Resident) -> Resident | None:
    """Return the resident when somebody else acts for them, so that both names are kept."""
    return None if actor is not None and resident.user_id == actor.pk else resident


REFUSAL: dict[str, type[errors.SecondPersonNeeded]] = {
    OWN: errors.OwnRecord,
    HOUSEHOLD: errors.OwnHousehold,
    CLIENT: errors.OwnClient,
}


def refusal_to_verify(actor: Any, record: Record) -> type[errors.SecondPersonNeeded] | None:
    """Return why this person may not verify this record: it takes a second person outside the household."""
    interest = interest_of(actor, record.resident)
    if interest == OWN:
        return errors.OwnRecord
    if actor.pk in hands_of(record):
        return errors.OwnEntry
    return REFUSAL[interest] if interest else None


# Changes by which somebody puts a record forward.
PUT_FORWARD = ("entered", "submitted", "from_attendance", "stated")


def hands_of(record: Record) -> set[int]:
    """Return the users who brought the record about: entered it, took attendance, showed the code, closed.

    By whatever method: a helper who scanned the code for somebody checked them in as much as a leader with a list.
    """
    hands = {record.entered_by_id}
    # Whoever put it forward once has a hand in it, whoever sent it last.
    hands |= set(record.changes.filter(code__in=PUT_FORWARD).values_list("actor_id", flat=True))
    seen = record.attendance
    if seen is not None:
        hands |= {seen.checked_in_by_id, seen.checked_out_by_id, seen.check_in_code_by_id, seen.check_out_code_by_id}
    if record.activity is not None:
        hands |= {record.activity.ended_by_id}
    if not is_known(record.resident):
        hands |= {record.resident.registered_by_id}
    return {pk for pk in hands if pk is not None}


def without_hands_of(records: QuerySet[Record], actor: Any) -> QuerySet[Record]:
    """Leave out what ``actor`` had a hand in: ``hands_of`` as one query."""
    by = ("checked_in_by", "checked_out_by", "check_in_code_by", "check_out_code_by")
    # Spelled so that a row without the fact stays in: in SQL, "not (NULL = 5)" is not true.
    for hand in ("entered_by", *(f"attendance__{name}" for name in by), "activity__ended_by"):
        records = records.filter(Q(**{f"{hand}__isnull": True}) | ~Q(**{hand: actor}))
    known = Q(resident__confirmed_at__isnull=False) & ~Q(resident__confirmed_how=Resident.Confirmation.SIGN_IN)
    records = records.filter(known | Q(resident__registered_by__isnull=True) | ~Q(resident__registered_by=actor))
    put_forward = RecordChange.objects.filter(record=OuterRef("pk"), actor=actor, code__in=PUT_FORWARD)
    return records.filter(~Exists(put_forward))


def is_open_to(activity: Activity, resident: Resident) -> bool:
    """Tell whether an activity is for this resident: it lies in their village or above, or its audience reaches it."""
    home, where = resident.village.path, activity.village.path
    if home.startswith(where) or activity.audience == Activity.Audience.ANYBODY:
        return True
    return where.startswith(above(home, REACH[activity.audience]))


# How many levels above a village an activity is for.
REACH: dict[str, int] = {Activity.Audience.VILLAGE: 0, Activity.Audience.TOWN: 1, Activity.Audience.COUNTY: 2}


def above(path: str, levels: int) -> str:
    """Return the path of the place so many levels above one, at most the topmost."""
    return path[: max(len(path) - levels * Region.steplen, Region.steplen)]


def age_on(birth_date: dt.date | None, day: dt.date) -> int | None:
    """Return the age in whole years on a day, or None when the birth date is not known."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def require_suited(activity: Activity, resident: Resident) -> None:
    """Refuse a closed account, another town, or someone below the minimum age."""
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentClosed
    if not is_open_to(activity, resident):
        raise errors.NotForYou
    age = age_on(resident.birth_date, local_day(activity.starts_at))
    if activity.min_age is not None and (age is None or age < activity.min_age):
        raise errors.TooYoung


# -- Time --------------------------------------------------------------------------------------------------------------
def minutes_between(arrived: dt.datetime, left: dt.datetime, starts: dt.datetime, ends: dt.datetime) -> int:
    """Return the whole minutes spent inside the planned window; 0 when there are none.

    Instants are compared in UTC, so neither midnight nor a change of clocks adds or loses a minute.
    """
    # Python compares and subtracts moments of one zone by the clock on the wall, which may strike an hour twice.
    arrived, left, starts, ends = (instant.astimezone(dt.UTC) for instant in (arrived, left, starts, ends))
    first, last = max(arrived, starts), min(left, ends)
    return max(0, min(int((last - first).total_seconds()) // 60, DAY_MINUTES))


def local_day(instant: dt.datetime) -> dt.date:
    """Return the calendar day of an instant where the village is."""
    return timezone.localtime(instant).date()


def notice_end(published: dt.datetime, days: int) -> dt.datetime:
    """Return when a notice of so many whole days ends; 0 days end at once."""
    return published if days == 0 else end_of_day(local_day(published) + dt.timedelta(days=days))


def add_working_days(day: dt.date, count: int) -> dt.date:
    """Return the day ``count`` working days (Monday to Friday) after ``day``.

    Public holidays count as working days, so a clock of ours never runs longer than the regulation's.
    """
    while count > 0:
        day += dt.timedelta(days=1)
        count -= day.weekday() < 5
    return day


def points_expire_on(credited: dt.date, validity_years: int | None) -> dt.date | None:
    """Return the day on which points credited on a day lapse: 31 December so many years on; None is never."""
    return None if validity_years is None else dt.date(credited.year + validity_years, 12, 31)


def evidence_of(record_source: str, arrived: str, left: str, forgot: bool) -> int:
    """Return how well minutes are proven, 0-100: a scanned QR says most, a hand entry least."""
    worth = {Method.QR: 50, Method.CARD: 45, Method.LIST: 35, Method.CLOSE: 10, "": 0}
    if record_source == Record.Source.ENTERED:
        return 20
    return max(0, worth[arrived] + (10 if forgot else worth[left]))
