"""Many people of one activity noted in one go. Lock order: activity, then residents by id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from timebank.common.errors import DomainError
from timebank.registry.models import Resident, User
from timebank.service import errors, rules
from timebank.service.models import Activity, Attendance, Method, SignUp
from timebank.service.services.attendance import require_can_come, require_time_to_come, seat, titles_elsewhere


@dataclass
class SeveralReport:
    """What came of noting many: how many are noted, and the refusal of each other one."""

    noted: int = 0
    refused: list[tuple[Resident, DomainError]] = field(default_factory=list)


@transaction.atomic
def check_in_many(
    *, activity: Activity, residents: Iterable[Resident], actor: User, now: dt.datetime | None = None
) -> SeveralReport:
    """Note that people came, by the leader's list; each by the rules of ``check_in``, one refusal stops nobody else."""
    now = now or timezone.now()
    locked, people = _lock(activity.pk, residents, actor)
    require_time_to_come(locked, now)
    report = SeveralReport()
    known = set(locked.attendances.filter(resident__in=people).values_list("resident_id", flat=True))
    coming = [person for person in people if person.pk not in known]
    elsewhere = titles_elsewhere([person.pk for person in coming], now)
    going = locked.sign_ups.filter(resident__in=coming, state=SignUp.State.GOING)
    seated = set(going.values_list("resident_id", flat=True))
    rows: list[Attendance] = []
    for person in coming:
        try:
            require_can_come(locked, person, elsewhere)
            if person.pk not in seated:
                seat(locked, person, actor, now)
        except DomainError as refusal:
            report.refused.append((person, refusal))
        else:
            rows.append(
                Attendance(
                    activity=locked,
                    resident=person,
                    checked_in_at=now,
                    check_in_method=Method.LIST,
                    checked_in_by=actor,
                )
            )
    report.noted = len(known) + len(Attendance.objects.bulk_create(rows, batch_size=500))
    return report


@transaction.atomic
def check_out_many(
    *, activity: Activity, residents: Iterable[Resident], actor: User, now: dt.datetime | None = None
) -> SeveralReport:
    """Note that people left, by the leader's list; each by the rules of ``check_out``."""
    now = now or timezone.now()
    locked, people = _lock(activity.pk, residents, actor)
    seen = {row.resident_id: row for row in locked.attendances.filter(resident__in=people)}
    report = SeveralReport(noted=len(seen))
    report.refused = [(person, errors.NotCheckedIn()) for person in people if person.pk not in seen]
    leaving = [row for row in seen.values() if row.checked_out_at is None]
    for row in leaving:
        row.checked_out_at, row.check_out_method = max(now, row.checked_in_at), Method.LIST
        row.checked_out_by = actor
    Attendance.objects.bulk_update(leaving, ["checked_out_at", "check_out_method", "checked_out_by"], batch_size=500)
    return report


def _lock(pk: int, residents: Iterable[Resident], actor: User) -> tuple[Activity, list[Resident]]:
    """Lock an open activity of this leader, then the people; return them as they are now."""
    locked = Activity.objects.select_for_update(of=("self",)).select_related("team", "village").get(pk=pk)
    rules.require_leader(actor, locked)
    if locked.status != Activity.Status.OPEN:
        raise errors.ActivityNotOpen
    people = Resident.objects.select_for_update(of=("self",)).select_related("village")
    return locked, list(people.filter(pk__in=[person.pk for person in residents]).order_by("pk"))
