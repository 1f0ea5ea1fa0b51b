"""What hangs on the village notice board."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404

from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, Resident
from timebank.service import rules
from timebank.service.models import NoticeList, Objection, Record, RecordChange, last_day
from timebank.service.rules import ANSWER_OBJECTION

State = Record.State
PUBLIC = (State.PUBLISHED, State.DISPUTED, State.CREDITED)


@dataclass(frozen=True)
class NoticeRow:
    """One line of a public list: a name (masked if its bearer asked), what, when, how long. No phone, no number."""

    record_id: int
    name: str
    what: str
    category: str
    served_on: dt.date
    minutes: int
    last_day: dt.date
    is_disputed: bool
    is_open: bool
    tail: str


def for_strangers(rows: list[NoticeRow]) -> list[NoticeRow]:
    """Return the rows as the open net may see them: 王** and the last two digits of the volunteer number."""
    return [replace(row, name=f"{masked(row.name)} ··{row.tail}") for row in rows]


def masked(name: str) -> str:
    """Return a name that only its bearer recognises: 王秀英 → 王**."""
    return name[:1] + "*" * max(1, len(name) - 1)


def notice_list(village: Region) -> list[NoticeRow]:
    """List what is on public notice in a village now: open to objection, or objected to and not yet answered."""
    records = on_notice_now().filter(village=village).select_related("resident")
    return [notice_row(record) for record in records.order_by("notice_until", "served_on", "pk")]


def on_notice_now() -> QuerySet[Record]:
    """Select what hangs on any board: every figure of it, on whatever page, counts this."""
    return Record.objects.filter(state__in=(State.PUBLISHED, State.DISPUTED))


MOST_VILLAGES = 30


def notices_in(villages: list[Region] | None = None) -> dict[Region, int]:
    """List villages with how many records are on notice there now: these, or where most hang (up to thirty)."""
    open_now = on_notice_now()
    if villages is not None:
        open_now = open_now.filter(village__in=villages)
    counted = open_now.values("village").annotate(many=Count("pk")).order_by("-many", "village")
    counts = {row["village"]: row["many"] for row in (counted if villages is not None else counted[:MOST_VILLAGES])}
    if villages is None:
        regions = Region.objects.in_bulk(list(counts))
        villages = [regions[pk] for pk in counts]
    return {village: counts.get(village.pk, 0) for village in villages}


def can_withdraw(notice: NoticeList, now: dt.datetime) -> bool:
    """Tell whether a list is young enough to be withdrawn; one without days of notice credits at once and never is."""
    return notice.withdrawn_at is None and notice.days > 0 and now < notice.published_at + rules.UNDO_WITHIN


def doubted(notice: NoticeList) -> bool:
    """Tell whether anybody has objected to what a list held, also to what has left it since."""
    published = RecordChange.objects.filter(
        record__village=notice.village_id, code="published", occurred_at=notice.published_at
    )
    return Objection.objects.filter(record__in=published.values("record"), raised_at__gte=notice.published_at).exists()


def rows_of(notice: NoticeList) -> list[NoticeRow]:
    """List what one notice list still holds, in the order in which it was hung out."""
    records = notice.records.filter(state__in=PUBLIC).select_related("resident").order_by("served_on", "pk")
    return [notice_row(record) for record in records]


def notice_row(record: Record) -> NoticeRow:
    """Return a record as the public may see it."""
    assert record.notice_until is not None  # noqa: S101 (the database keeps that for every public state)
    return NoticeRow(
        record_id=record.pk,
        name=masked(record.resident.name) if record.is_name_withheld else record.resident.name,
        what=record.what,
        category=record.category_id,
        served_on=record.served_on,
        minutes=record.minutes,
        last_day=last_day(record.notice_until),
        is_disputed=record.state == State.DISPUTED,
        is_open=record.state in (State.PUBLISHED, State.DISPUTED),
        tail=record.resident.volunteer_number[-2:],
    )


def notice_lists(village: Region) -> QuerySet[NoticeList]:
    """Select the lists of a village, newest first, with how many records and minutes each still holds."""
    public = Q(records__state__in=PUBLIC)
    return (
        NoticeList.objects.filter(village=village)
        .annotate(count=Count("records", filter=public), minutes=Sum("records__minutes", filter=public, default=0))
        .select_related("published_by")
        .order_by("-number")
    )


def published_record_for(resident: Resident | None, pk: int) -> Record:
    """Return a record on notice to a resident of its village; 404 to anybody else."""
    record = (
        Record.objects.select_related("resident", "village")
        .filter(pk=pk, state__in=(State.PUBLISHED, State.DISPUTED))
        .first()
    )
    if record is None or resident is None or resident.village_id != record.village_id:
        raise Http404
    return record


def objections_open(actor: Any, village: Region | None = None) -> QuerySet[Objection]:
    """Select unanswered objections where this person may answer, the most urgent first."""
    where = registry_rules.regions_where(actor, ANSWER_OBJECTION)
    objections = Objection.objects.filter(state=Objection.State.OPEN, record__village__in=where)
    if village is not None:
        objections = objections.filter(record__village=village)
    return objections.select_related("record", "record__resident", "record__village", "resident").order_by(
        "due_on", "pk"
    )
