"""What the database refuses even to those who go past the services."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from tests.factories.service import World, at
from timebank.service.models import Activity, Attendance, NoticeList, Objection, Record, RecordChange


def _refused(statement: str, *values: object) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "change",
    ["minutes = 600", "points = 9900", "resident_id = 1", "state = 'published'", "category = 'farm'", "rule = 'x'"],
)
def test_a_credited_record_is_only_ever_reversed(world: World, change: str) -> None:
    (record,) = world.credited(world.li)
    _refused(f"UPDATE service_record SET {change} WHERE id = %s", record.pk)
    assert Record.objects.values().get() == Record.objects.filter(pk=record.pk, minutes=240, points=100).values().get()


def test_records_and_their_history_are_never_deleted(world: World) -> None:
    (record,) = world.attended(world.wang)
    _refused("DELETE FROM service_recordchange WHERE record_id = %s", record.pk)
    _refused("UPDATE service_recordchange SET why = 'x' WHERE record_id = %s", record.pk)
    _refused("DELETE FROM service_record WHERE id = %s", record.pk)
    assert (Record.objects.count(), RecordChange.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("_case", "changes"),
    [
        ("no minutes", {"minutes": 0}),
        ("more than a day", {"minutes": 1441}),
        ("credited without points", {"state": "credited", "credited_at": at(1)}),
        ("points before credit", {"points": 100}),
        ("transfer before credit", {"transfer_key": "mint:record:1"}),
        ("verified by nobody at no time", {"state": "verified"}),
        ("noticed without an end", {"state": "published", "verified_at": at(1)}),
        ("ends before it starts", {"ended_at": at(1)}),
        ("impossible evidence", {"evidence": 101}),
    ],
)
def test_records_hold_together(world: World, _case: str, changes: dict) -> None:
    (record,) = world.attended(world.wang)
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.filter(pk=record.pk).update(**changes)


def test_other_rows_hold_together(world: World) -> None:
    activity = world.activity()
    published = world.published(world.wang)
    for rows, changes in (
        (Activity.objects.filter(pk=activity.pk), {"ends_at": at(20, 8)}),
        (Activity.objects.filter(pk=activity.pk), {"capacity": 0}),
        (Activity.objects.filter(pk=activity.pk), {"status": "closed"}),
        (Attendance.objects.all(), {"checked_out_at": at(1)}),
        (NoticeList.objects.all(), {"until": at(1)}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**changes)
    for fields in (
        {"state": "upheld", "answered_at": at(1)},  # no reasons
        {"state": "open", "answered_at": at(1)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Objection.objects.create(
                record=published[0], resident=world.li, text="？", due_on=dt.date(2026, 9, 30), **fields
            )
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.create(
            resident=world.wang,
            village=world.village,
            activity=published[0].activity,
            source="entered",
            category_id="clean",
            served_on=dt.date(2026, 9, 20),
            minutes=1,
            state="submitted",
        )
