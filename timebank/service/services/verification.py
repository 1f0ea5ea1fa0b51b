"""A second person confirms a record, or returns it with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from timebank.common.errors import DomainError, ReasonMissing
from timebank.common.input import clean_text
from timebank.registry import rules as registry_rules
from timebank.registry.interests import interest_of, is_known
from timebank.registry.models import Resident, User
from timebank.service import errors, rules
from timebank.service.models import Record, RecordChange
from timebank.service.rules import VERIFY_RECORD
from timebank.service.selectors.categories import range_of
from timebank.service.selectors.records import verified_with
from timebank.service.services.records import lock_record, log_change, tell

State = Record.State


@dataclass
class VerifyReport:
    """What came of verifying many: the records verified, and the refusal of each other one."""

    verified: list[Record] = field(default_factory=list)
    refused: list[tuple[Record, DomainError]] = field(default_factory=list)


@transaction.atomic
def verify_record(
    *,
    record: Record,
    actor: User,
    minutes: int | None = None,
    points: int | None = None,
    reason: str = "",
    now: dt.datetime | None = None,
) -> Record:
    """Confirm a submitted record as a second person; ``minutes`` may only lower what was submitted, with a reason.

    ``points`` (1/100) chooses within the range that the scheme publishes for the deed, with a reason, too.
    """
    locked = lock_record(record.pk)
    registry_rules.require(actor, VERIFY_RECORD, region=locked.village)
    refusal = rules.refusal_to_verify(actor, locked)
    if refusal is not None:
        raise refusal
    rules.require_step(locked, State.VERIFIED)
    now = now or timezone.now()
    if locked.ended_at is not None and locked.ended_at > now:
        raise errors.NotOverYet
    was, code, claimed = locked.state, "verified", locked.minutes
    if minutes is not None and minutes != locked.minutes:
        if not 1 <= minutes < locked.minutes:
            raise errors.BadMinutes(errors.ONLY_FEWER, field="minutes")
        if not clean_text(reason, lines=True):
            raise ReasonMissing(field="reason")
        locked.minutes, code = minutes, "corrected_minutes"
        if locked.started_at is not None:
            locked.ended_at = locked.started_at + dt.timedelta(minutes=minutes)
    if points is not None:
        _choose(locked, points, actor, reason)
        code = "chose_points"
    locked.state, locked.verified_at, locked.verified_by = State.VERIFIED, now, actor
    locked.factors = rules.factors_of(locked)
    chosen = ["factors", "chosen_points", "chosen_by", "chosen_reason"]
    locked.save(update_fields=["state", "verified_at", "verified_by", "minutes", "ended_at", *chosen])
    log_change(locked, actor=actor, was=was, now=now, reason=reason, code=code)
    if not is_known(locked.resident):
        # The first record that a second person verifies shows that the person is there.
        Resident.objects.filter(pk=locked.resident_id).update(
            confirmed_at=now, confirmed_by=actor, confirmed_how=Resident.Confirmation.SECOND
        )
    if locked.minutes != claimed:
        facts = {"minutes": locked.minutes, "claimed": claimed, "reason": clean_text(reason)}
        tell(locked, "minutes_cut", now, facts)
    return locked


def _choose(record: Record, points: int, actor: User, reason: str) -> None:
    """Set the points (1/100) of a record within the range that its scheme publishes; the notice shows the choice."""
    rule = range_of(record.village, record.category_id, record.served_on)
    if rule is None or rule.points_max is None:
        raise errors.NothingToChoose
    if not rule.points <= points <= rule.points_max:
        raise errors.OutOfRange(field="points")
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    record.chosen_points, record.chosen_by, record.chosen_reason = points, actor, clean_text(reason, lines=True)


@transaction.atomic
def return_record(*, record: Record, actor: User, reason: str, now: dt.datetime | None = None) -> Record:
    """Send a record back to whoever submitted it; the reason is kept and shown."""
    locked = lock_record(record.pk)
    registry_rules.require(actor, VERIFY_RECORD, region=locked.village)
    interest = interest_of(actor, locked.resident)
    if interest:
        raise rules.REFUSAL[interest]
    if locked.state == State.DISPUTED:
        # Only an answered objection takes a record off the notice list.
        raise errors.WrongState(state=locked.state, to=str(State.RETURNED))
    rules.require_step(locked, State.RETURNED)
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    now, was = now or timezone.now(), locked.state
    locked.state = State.RETURNED
    locked.verified_at = locked.verified_by = None
    locked.save(update_fields=["state", "verified_at", "verified_by"])
    log_change(locked, actor=actor, was=was, now=now, reason=reason, code="returned")
    tell(locked, "record_returned", now, {"reason": clean_text(reason)})
    return locked


@transaction.atomic
def undo_verification(*, record: Record, actor: User, reason: str, now: dt.datetime | None = None) -> list[Record]:
    """Take back what was verified together with ``record``, before it is published: all of it waits again.

    Who verified does it, within a day. Minutes that were cut and points that were chosen are as they were before.
    """
    now = now or timezone.now()
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    together = verified_with(record).select_for_update(of=("self",))
    records = list(together.select_related("resident", "village").order_by("pk"))
    if not records:
        raise errors.SomethingFollowed
    for row in records:
        registry_rules.require(actor, VERIFY_RECORD, region=row.village)
        if row.verified_by_id != actor.pk:
            raise errors.NotVerifiedByYou
        if not rules.may_undo_verification(actor, row, now):
            raise errors.TooLateToUndo
    verified_at = records[0].verified_at  # of all: that is what makes them one go
    submitted = RecordChange.objects.filter(record__in=records, to_state=State.SUBMITTED).order_by("pk")
    claimed = dict(submitted.values_list("record", "minutes"))  # the last of each
    for row in records:
        if row.minutes != claimed.get(row.pk, row.minutes):
            row.minutes = claimed[row.pk]
            if row.started_at is not None:
                row.ended_at = row.started_at + dt.timedelta(minutes=row.minutes)
        row.state = State.SUBMITTED
        row.verified_at = row.verified_by = None
        row.chosen_points, row.chosen_by, row.chosen_reason, row.factors = None, None, "", []
        row.save()
        log_change(row, actor=actor, was=State.VERIFIED, now=now, reason=reason, code="unverified")
    # Who was known only by this verification is so no longer.
    Resident.objects.filter(
        pk__in={row.resident_id for row in records},
        confirmed_at=verified_at,
        confirmed_by=actor,
        confirmed_how=Resident.Confirmation.SECOND,
    ).exclude(pk__in=Record.objects.filter(verified_at__isnull=False).values("resident")).update(
        confirmed_at=None, confirmed_by=None, confirmed_how=""
    )
    return records


def verify_many(*, records: Iterable[Record], actor: User, now: dt.datetime | None = None) -> VerifyReport:
    """Verify each record in a transaction of its own; one refusal does not stop the rest."""
    report = VerifyReport()
    now = now or timezone.now()  # one moment for all: by it they are taken back together
    for record in records:
        try:
            report.verified.append(verify_record(record=record, actor=actor, now=now))
        except DomainError as refusal:
            report.refused.append((record, refusal))
    return report
