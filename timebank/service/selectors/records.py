"""Records and hours."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.http import Http404
from django.utils import timezone

from timebank.registry import rules as registry_rules
from timebank.registry.interests import live_or_lately
from timebank.registry.models import Proxy, Region, Resident
from timebank.registry.rules import AUDIT, can_act_for
from timebank.registry.selectors import resident_of
from timebank.service import rules
from timebank.service.models import Record, RecordChange
from timebank.service.rules import PUBLISH_NOTICE, VERIFY_RECORD

State = Record.State


@dataclass(frozen=True)
class Hours:
    """Minutes of a resident: credited for good, credited this year, and on their way."""

    credited: int = 0
    this_year: int = 0
    waiting: int = 0
    records: int = 0


def _all_of(resident: Resident) -> QuerySet[Record]:
    """Select the records of a person, also those of an earlier registration that became one with this."""
    mine = Resident.objects.filter(Q(pk=resident.pk) | Q(merged_into=resident.pk))
    return Record.objects.filter(resident__in=mine.values("pk"))


def hours_of(resident: Resident, year: int | None = None) -> Hours:
    """Add up a resident's minutes. Redeeming never lowers them."""
    year = year or timezone.localdate().year
    credited = Q(state=State.CREDITED)
    sums = _all_of(resident).aggregate(
        credited=Sum("minutes", filter=credited, default=0),
        this_year=Sum("minutes", filter=credited & Q(served_on__year=year), default=0),
        waiting=Sum(
            "minutes",
            filter=Q(state__in=(State.SUBMITTED, State.VERIFIED, State.PUBLISHED, State.DISPUTED)),
            default=0,
        ),
        records=Count("pk", filter=~Q(state=State.REVERSED)),
    )
    return Hours(**sums)


def records_of(resident: Resident) -> QuerySet[Record]:
    """Select a resident's records, newest first, ready to show."""
    return _all_of(resident).select_related("activity", "notice_list").order_by("-served_on", "-pk")


def record_for(actor: Any, pk: int, on_behalf_of: Resident | None = None) -> Record:
    """Return a record to its person, their helper, or who verifies or leads there; 404 to strangers."""
    record = (
        Record.objects.select_related(
            "resident", "village", "activity", "activity__team", "activity__village", "attendance", "notice_list"
        )
        .filter(pk=pk)
        .first()
    )
    if record is None or not may_see(actor, record, on_behalf_of):
        raise Http404
    return record


def may_see(actor: Any, record: Record, on_behalf_of: Resident | None = None) -> bool:
    """Tell whether someone may open a record with its whole history."""
    if can_act_for(actor, record.resident, on_behalf_of):
        return True
    if record.activity is not None and rules.leads(actor, record.activity.team, record.activity.village):
        return True
    if record.activity is None and rules.may_enter(actor, record.resident, None):
        return True  # who enters hours without an activity sees what became of them
    return any(
        registry_rules.can(actor, action, region=record.village) for action in (VERIFY_RECORD, PUBLISH_NOTICE, AUDIT)
    )


def changes_of(record: Record) -> QuerySet[RecordChange]:
    """Select the history of a record, oldest first."""
    return record.changes.select_related("actor", "on_behalf_of").order_by("pk")


def verify_queue(actor: Any, village: Region | None = None) -> QuerySet[Record]:
    """Select what this person may verify, weakest evidence first, then oldest: never their own, their household's
    or their clients', nor what they entered, took attendance for or closed (``rules.refusal_to_verify``)."""
    where = registry_rules.regions_where(actor, VERIFY_RECORD)
    queue = Record.objects.filter(state=State.SUBMITTED, village__in=where)
    if village is not None:
        queue = queue.filter(village=village)
    queue = rules.without_hands_of(queue.exclude(resident__user=actor), actor)
    own = resident_of(actor)
    if own is not None and own.household_id is not None:
        queue = queue.filter(Q(resident__household__isnull=True) | ~Q(resident__household=own.household_id))
    client = Proxy.objects.filter(live_or_lately(), resident=OuterRef("resident"), helper=actor)
    return (
        queue.filter(~Exists(client))
        .select_related("resident", "resident__household", "village", "activity", "activity__team", "entered_by")
        .select_related("attendance")
        .order_by("evidence", "served_on", "pk")
    )


def verified_with(record: Record) -> QuerySet[Record]:
    """Select what one person verified in one go with a record and what still waits for its notice list."""
    return Record.objects.filter(
        state=State.VERIFIED, verified_by=record.verified_by_id, verified_at=record.verified_at
    )


def waiting_for_notice(village: Region) -> QuerySet[Record]:
    """Select verified records of a village that the next notice list will hold."""
    return (
        Record.objects.filter(village=village, state=State.VERIFIED)
        .select_related("resident", "activity", "verified_by")
        .order_by("served_on", "pk")
    )


def due_for_credit(now: dt.datetime, village: Region | None = None) -> QuerySet[Record]:
    """Select records whose notice is over and that nobody doubts."""
    due = Record.objects.filter(state=State.PUBLISHED, notice_until__lte=now)
    return due if village is None else due.filter(village=village)
