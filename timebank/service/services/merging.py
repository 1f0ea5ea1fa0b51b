"""Two registrations of one person have become one: the same hours count once, and the levels rest on all of them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from timebank.common.errors import DomainError
from timebank.registry.models import Resident, User
from timebank.service.models import Objection, Record, Standing
from timebank.service.selectors.schemes import scheme_of
from timebank.service.services.credit import set_level
from timebank.service.services.pricing import corrections_of
from timebank.service.services.records import lock_record, log_change
from timebank.service.services.reversal import reverse

State = Record.State


def join_hours(gone: Resident, stays: Resident, *, reason: str, actor: User, now: dt.datetime) -> None:
    """Let hours that were written down under both numbers stand once, and add the levels of all years anew.

    Called when the records have moved. Of two of one activity that of the old number gives way; of two at the same
    time the one that is not credited yet, else the later one. Both stay to be seen, with the reason of the merge.
    """
    for pk in _doubles(gone, stays):
        record = lock_record(pk)
        if record.state == State.CREDITED:
            reverse(record, actor=actor, reason=reason, now=now)
        else:
            _send_back(record, reason, actor, now)
    _add_levels(gone, stays, now)


def _doubles(gone: Resident, stays: Resident) -> list[int]:
    """Return the records of the same hours that give way: of one activity, or at the same time."""
    same = Record.objects.filter(resident=gone, state__in=Record.COUNTED)  # could not move: the activity has one
    doubles = list(same.order_by("pk").values_list("pk", flat=True))
    timed = Record.objects.filter(resident=stays, state__in=Record.COUNTED, started_at__isnull=False)
    rows = sorted(timed, key=lambda row: (row.state != State.CREDITED, row.entered_at, row.pk))
    kept: list[Record] = []
    for row in rows:
        if any(_overlap(row, other) for other in kept):
            doubles.append(row.pk)
        else:
            kept.append(row)
    return doubles


def _overlap(row: Record, other: Record) -> bool:
    if row.started_at is None or row.ended_at is None or other.started_at is None or other.ended_at is None:
        return False
    return row.started_at < other.ended_at and other.started_at < row.ended_at


def _send_back(record: Record, reason: str, actor: User, now: dt.datetime) -> None:
    """Take a record that is not credited yet out of what counts, and settle what was doubted about it."""
    was = record.state
    doubts = record.objections.filter(state=Objection.State.OPEN)
    doubts.update(state=Objection.State.UPHELD, answer=reason, answered_at=now, answered_by=actor)
    record.state = State.RETURNED
    record.verified_at = record.verified_by = None
    record.notice_list = record.notice_from = record.notice_until = None
    record.save()
    log_change(record, actor=actor, was=was, now=now, reason=reason, code="returned")


def _add_levels(gone: Resident, stays: Resident, now: dt.datetime) -> None:
    """Reckon the standings of a person anew from all records that are theirs now."""
    rows = {row.year: row for row in Standing.objects.select_for_update().filter(resident=stays)}
    earlier = {row.year: row for row in Standing.objects.select_for_update().filter(resident=gone)}
    credited = Record.objects.filter(resident=stays, state=State.CREDITED)
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    corrected = corrections_of(credited.values("pk"))
    for pk, day, points, minutes in credited.values_list("pk", "served_on", "points", "minutes"):
        sums[day.year][0] += (points or 0) + corrected.get(pk, 0)
        sums[day.year][1] += minutes
    for year in sorted({*rows, *earlier, *sums}):
        row = rows.setdefault(year, Standing(resident=stays, year=year))
        row.earned_points, row.minutes = sums[year]
        row.carried_points = max(row.carried_points, earlier[year].carried_points if year in earlier else 0)
    Standing.objects.filter(resident=gone).delete()
    for year, row in sorted(rows.items()):
        try:
            set_level(row, rows, scheme_of(stays.village, dt.date(year, 12, 31)), now)
        except DomainError:  # no scheme, no level: the sums are kept
            row.updated_at = now
        row.save()
