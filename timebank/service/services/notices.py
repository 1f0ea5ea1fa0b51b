"""Public notice, objections and their answers. A record that is open to doubt earns nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from timebank.common import events
from timebank.common.days import end_of_day
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.registry import rules as registry_rules
from timebank.registry.interests import interest_of
from timebank.registry.models import Region, Resident, User
from timebank.registry.rules import can_act_for
from timebank.registry.services import record_audit
from timebank.service import errors, rules
from timebank.service.models import NoticeList, Objection, Record, RecordChange
from timebank.service.rules import ANSWER_OBJECTION, PUBLISH_NOTICE
from timebank.service.selectors.notices import can_withdraw, doubted
from timebank.service.selectors.previews import fingerprint
from timebank.service.selectors.schemes import notice_days_of
from timebank.service.services.records import lock_record, log_change, tell

State = Record.State
OBJECTIONS_A_MONTH = 5  # of one person; more is a matter to talk about, not to type


@transaction.atomic
def publish_notice(
    *, village: Region, actor: User, seen: str | None = None, now: dt.datetime | None = None
) -> NoticeList:
    """Put every verified record of a village on a new notice list; raises NothingToPublish when there is none.

    ``seen`` is the fingerprint of the preview that somebody said yes to; raises PreviewChanged when it is another now.
    """
    registry_rules.require(actor, PUBLISH_NOTICE, region=village)
    now = now or timezone.now()
    # The village's row keeps two clerks from giving out one number twice.
    Region.objects.select_for_update(of=("self",)).get(pk=village.pk)
    records = list(
        Record.objects.select_for_update(of=("self",)).filter(village=village, state=State.VERIFIED).order_by("pk")
    )
    if not records:
        raise errors.NothingToPublish
    if seen is not None and seen != fingerprint(records):
        raise errors.PreviewChanged
    days = notice_days_of(village, rules.local_day(now))
    last = NoticeList.objects.filter(village=village).aggregate(last=Max("number"))["last"] or 0
    notice = NoticeList.objects.create(
        village=village,
        number=last + 1,
        published_at=now,
        published_by=actor,
        days=days,
        until=rules.notice_end(now, days),
    )
    for record in records:
        record.state, record.notice_list = State.PUBLISHED, notice
        record.notice_from, record.notice_until = now, notice.until
    Record.objects.bulk_update(records, ["state", "notice_list", "notice_from", "notice_until"], batch_size=500)
    RecordChange.objects.bulk_create(
        [
            RecordChange(
                record=record,
                occurred_at=now,
                actor=actor,
                from_state=State.VERIFIED,
                to_state=State.PUBLISHED,
                minutes=record.minutes,
                code="published",
            )
            for record in records
        ],
        batch_size=500,
    )
    many = Counter(record.resident_id for record in records)
    if days:
        events.emit(
            "records_published",
            subject=notice,
            recipients=[f"resident:{pk}" for pk in sorted(many)],
            region=village,
            facts={
                "until": notice.until.isoformat(),
                "each": {f"resident:{pk}": {"count": count} for pk, count in many.items()},
            },
            occurred_at=now,
        )
    record_audit(
        actor=actor,
        action="publish_notice",
        subject=f"notice:{notice.pk}",
        region=village,
        facts={"records": len(records), "days": days},
        now=now,
    )
    return notice


@transaction.atomic
def withdraw_notice(*, notice: NoticeList, actor: User, reason: str, now: dt.datetime | None = None) -> NoticeList:
    """Take a list off the board the same day: its records are verified again, as if it had not been published.

    Raises TooLateToUndo, or SomethingFollowed once there is an objection or a credit.
    """
    registry_rules.require(actor, PUBLISH_NOTICE, region=notice.village)
    now = now or timezone.now()
    if not clean_text(reason, lines=True):
        raise ReasonMissing(field="reason")
    # People first, then records: the order in which the sweep that credits takes its locks.
    people = Record.objects.filter(notice_list=notice).values("resident")
    list(Resident.objects.select_for_update(of=("self",)).filter(pk__in=people).order_by("pk").values_list("pk"))
    locked = NoticeList.objects.select_for_update(of=("self",)).select_related("village").get(pk=notice.pk)
    records = list(Record.objects.select_for_update(of=("self",)).filter(notice_list=locked).order_by("pk"))
    if locked.withdrawn_at is not None or any(record.state != State.PUBLISHED for record in records):
        raise errors.SomethingFollowed
    if not records or doubted(locked):
        raise errors.SomethingFollowed
    if not can_withdraw(locked, now):
        raise errors.TooLateToUndo
    locked.withdrawn_at, locked.withdrawn_by, locked.withdrawn_reason = now, actor, clean_text(reason)[:200]
    locked.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    for record in records:
        record.state = State.VERIFIED
        record.notice_list = record.notice_from = record.notice_until = None
    Record.objects.bulk_update(records, ["state", "notice_list", "notice_from", "notice_until"], batch_size=500)
    RecordChange.objects.bulk_create(
        [
            RecordChange(
                record=record,
                occurred_at=now,
                actor=actor,
                from_state=State.PUBLISHED,
                to_state=State.VERIFIED,
                minutes=record.minutes,
                code="withdrawn",
                reason=locked.withdrawn_reason,
            )
            for record in records
        ],
        batch_size=500,
    )
    events.emit(
        "notice_withdrawn",
        subject=locked,
        recipients=[f"resident:{pk}" for pk in sorted({record.resident_id for record in records})],
        region=locked.village,
        facts={"reason": locked.withdrawn_reason},
        occurred_at=now,
    )
    record_audit(
        actor=actor,
        action="withdraw_notice",
        subject=f"notice:{locked.pk}",
        region=locked.village,
        reason=locked.withdrawn_reason,
        facts={"records": len(records)},
        now=now,
    )
    return locked


@transaction.atomic
def raise_objection(
    *,
    record: Record,
    resident: Resident,
    text: str,
    actor: User | None,
    on_behalf_of: Resident | None = None,
    now: dt.datetime | None = None,
) -> Objection:
    """Object to a record on public notice. Its credit stops until the village answers."""
    locked = lock_record(record.pk)
    if not can_act_for(actor, resident, on_behalf_of):
        raise errors.NotYours
    if resident.village_id != locked.village_id or resident.status != Resident.Status.ACTIVE:
        raise errors.OtherVillage
    if locked.state not in (State.PUBLISHED, State.DISPUTED):
        raise errors.NotOnNotice
    if not clean_text(text, lines=True):
        raise ReasonMissing(field="text")
    if locked.objections.filter(resident=resident, state=Objection.State.OPEN).exists():
        raise errors.AlreadyObjected
    now = now or timezone.now()
    month = rules.local_day(now).replace(day=1)
    begun = end_of_day(month - dt.timedelta(days=1))
    if resident.objections.filter(raised_at__gte=begun).count() >= OBJECTIONS_A_MONTH:
        raise errors.TooManyObjections
    objection = Objection.objects.create(
        record=locked,
        resident=resident,
        actor=actor,
        text=clean_text(text, lines=True),
        raised_at=now,
        due_on=rules.add_working_days(rules.local_day(now), settings.OBJECTION_WORKING_DAYS),
    )
    if locked.state == State.PUBLISHED:
        locked.state = State.DISPUTED
        locked.save(update_fields=["state"])
        # The history is shown to the volunteer, who need not learn here who doubted: the objection itself knows.
        log_change(locked, actor=None, was=State.PUBLISHED, now=now, reason=text[:200], code="objected")
        tell(locked, "record_disputed", now, {"due_on": objection.due_on.isoformat()})
    return objection


@transaction.atomic
def answer_objection(
    *, objection: Objection, actor: User, upheld: bool, answer: str, now: dt.datetime | None = None
) -> Objection:
    """Answer with reasons. Upheld: the record is returned. Not upheld: it goes on, once no other objection is open."""
    locked = lock_record(objection.record_id)
    mine = Objection.objects.select_for_update(of=("self",)).select_related("resident").get(pk=objection.pk)
    registry_rules.require(actor, ANSWER_OBJECTION, region=locked.village)
    _require_neutral(actor, locked, mine)
    if mine.state != Objection.State.OPEN:
        raise errors.ObjectionAnswered
    if not clean_text(answer, lines=True):
        raise ReasonMissing(field="answer")
    now = now or timezone.now()
    mine.state = Objection.State.UPHELD if upheld else Objection.State.DISMISSED
    mine.answer, mine.answered_at, mine.answered_by = clean_text(answer, lines=True), now, actor
    mine.save(update_fields=["state", "answer", "answered_at", "answered_by"])
    others = locked.objections.filter(state=Objection.State.OPEN)
    asked = {mine.resident_id, *(others.values_list("resident_id", flat=True) if upheld else ())}
    kind = "objection_upheld" if upheld else "objection_dismissed"
    answered = {"answer": mine.answer}
    tell(locked, kind, now, answered, recipients=[f"resident:{pk}" for pk in sorted(asked)])
    if upheld:
        # What was doubted is settled for all who doubted it.
        others.update(state=Objection.State.UPHELD, answer=mine.answer, answered_at=now, answered_by=actor)
        locked.state = State.RETURNED
        locked.verified_at = locked.verified_by = None
        locked.notice_list = locked.notice_from = locked.notice_until = None
        locked.save()
        log_change(locked, actor=actor, was=State.DISPUTED, now=now, reason=mine.answer[:200], code="upheld")
        tell(locked, "record_returned", now, {"reason": mine.answer})
    elif not others.exists():
        locked.state = State.PUBLISHED
        locked.save(update_fields=["state"])
        log_change(locked, actor=actor, was=State.DISPUTED, now=now, reason=mine.answer[:200], code="dismissed")
        tell(locked, "dispute_settled", now, answered)
    record_audit(
        actor=actor,
        action="answer_objection",
        subject=f"objection:{mine.pk}",
        region=locked.village,
        reason=mine.answer[:200],
        facts={"upheld": upheld, "record": locked.pk},
        now=now,
    )
    return mine


def withhold_name(*, record: Record, actor: User, on_behalf_of: Resident | None = None) -> Record:
    """Take a resident's name off the public lists (Wendeng rural measures art. 20); the record and its points stand."""
    return _withhold(record, actor, on_behalf_of, True)


def show_name(*, record: Record, actor: User, on_behalf_of: Resident | None = None) -> Record:
    """Put the name back on the public lists."""
    return _withhold(record, actor, on_behalf_of, False)


@transaction.atomic
def _withhold(record: Record, actor: User, on_behalf_of: Resident | None, withheld: bool) -> Record:
    locked = lock_record(record.pk)
    if not (
        can_act_for(actor, locked.resident, on_behalf_of)
        or registry_rules.can(actor, PUBLISH_NOTICE, region=locked.village)
    ):
        raise errors.NotYours
    if locked.is_name_withheld != withheld:
        locked.is_name_withheld = withheld
        locked.save(update_fields=["is_name_withheld"])
        record_audit(
            actor=actor,
            action="withhold_name" if withheld else "show_name",
            subject=f"record:{locked.pk}",
            region=locked.village,
            on_behalf_of=rules.behalf(actor, locked.resident),
        )
    return locked


def _require_neutral(actor: User, record: Record, objection: Objection) -> None:
    """Refuse whoever verified the record or has an interest in either side.

    Who entered it may answer when somebody else verified it: the smallest village has no third person who could.
    """
    # A list that was withdrawn makes its records verified again: whoever withdrew it verified nothing.
    verified = record.changes.filter(from_state=State.SUBMITTED, to_state=State.VERIFIED)
    verifiers = verified.values_list("actor_id", flat=True)
    if actor.pk in {record.verified_by_id, *verifiers}:
        raise errors.OwnVerification
    if objection.actor_id == actor.pk or interest_of(actor, objection.resident):
        raise errors.OwnObjection
    if interest_of(actor, record.resident):
        raise errors.OwnObjection
