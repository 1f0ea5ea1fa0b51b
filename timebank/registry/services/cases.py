"""Final steps in a person's record, each by two people: two registrations become one; a resident has died."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import contract, events
from timebank.common.errors import ReasonMissing
from timebank.common.input import clean_text
from timebank.registry import merging
from timebank.registry.errors import (
    CaseOpen,
    DifferentPeople,
    NotAllowed,
    NotWaiting,
    OtherPersonNeeded,
    ResidentClosed,
)
from timebank.registry.interests import interest_of
from timebank.registry.models import Resident, ResidentCase, User
from timebank.registry.rules import CONFIRM_RESIDENT, REGISTER_RESIDENT, can, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.points import follow, move_all_points, pool_key
from timebank.registry.services.residents import close_account, close_registration, lock_resident

Kind = ResidentCase.Kind
Status = ResidentCase.Status


@transaction.atomic
def propose_merge(
    *, resident: Resident, into: Resident, reason: str, actor: User, now: dt.datetime | None = None
) -> ResidentCase:
    """Propose that ``resident`` is ``into`` registered twice. A second person looks at the preview and decides."""
    for person in (resident, into):
        require(actor, REGISTER_RESIDENT, person.village)
        if person.status == Resident.Status.CLOSED:
            raise ResidentClosed
    _not_own(actor, resident, into)
    if resident.pk == into.pk:
        raise DifferentPeople
    if resident.id_number_digest and into.id_number_digest:
        raise DifferentPeople  # two ID numbers are two people
    return _propose(Kind.MERGE, resident, into, reason, actor, None, now)


@transaction.atomic
def propose_death(
    *,
    resident: Resident,
    died_on: dt.date,
    heir: Resident | None,
    reason: str,
    actor: User,
    now: dt.datetime | None = None,
) -> ResidentCase:
    """Report a death; a second person confirms it. The points go to ``heir``, or to the village's pool."""
    now = now or timezone.now()
    require(actor, REGISTER_RESIDENT, resident.village)
    _not_own(actor, resident, heir)
    if resident.status == Resident.Status.CLOSED:
        raise ResidentClosed
    if died_on > timezone.localdate(now):
        raise NotAllowed(field="died_on")
    if heir is not None and (heir.status != Resident.Status.ACTIVE or heir.pk == resident.pk):
        raise ResidentClosed(field="heir")
    return _propose(Kind.DEATH, resident, heir, reason, actor, died_on, now)


def _propose(
    kind: str,
    resident: Resident,
    other: Resident | None,
    reason: str,
    actor: User,
    happened_on: dt.date | None,
    now: dt.datetime | None,
) -> ResidentCase:
    reason = clean_text(reason, most=200)
    if not reason:
        raise ReasonMissing(field="reason")
    now = now or timezone.now()
    try:
        with transaction.atomic():
            case = ResidentCase.objects.create(
                kind=kind,
                resident=resident,
                other=other,
                reason=reason,
                happened_on=happened_on,
                proposed_by=actor,
                proposed_at=now,
            )
    except IntegrityError:
        raise CaseOpen from None
    record_audit(
        actor=actor,
        action=f"propose_{kind}",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        reason=reason,
        facts={"case": case.pk, "other": other.pk if other is not None else None},
        now=now,
    )
    return case


def may_decide(actor: User, case: ResidentCase) -> bool:
    """Say whether somebody may be the second person of a case."""
    places = [case.resident.village]
    if case.other is not None and case.kind == Kind.MERGE:
        places.append(case.other.village)
    entitled = all(can(actor, CONFIRM_RESIDENT, place) for place in places)
    return entitled and actor.pk != case.proposed_by_id and not _is_own(actor, case.resident, case.other)


@transaction.atomic
def decide_case(
    *, case: ResidentCase, agreed: bool, actor: User, reason: str = "", now: dt.datetime | None = None
) -> ResidentCase:
    """Carry a case out, or refuse it, as its second person. What is carried out is final."""
    case = (
        ResidentCase.objects.select_for_update(of=("self",))
        .select_related("resident__village", "other__village")
        .get(pk=case.pk)
    )
    if case.status != Status.PROPOSED:
        raise NotWaiting
    if not may_decide(actor, case):
        raise OtherPersonNeeded
    now = now or timezone.now()
    case.status = Status.DONE if agreed else Status.REFUSED
    case.decided_by, case.decided_at = actor, now
    if agreed:
        case.facts = _merge(case, actor, now) if case.kind == Kind.MERGE else _bury(case, actor, now)
    case.save(update_fields=["status", "decided_by", "decided_at", "facts"])
    record_audit(
        actor=actor,
        action=f"{'decide' if agreed else 'refuse'}_{case.kind}",
        subject=f"resident:{case.resident_id}",
        region=case.resident.village,
        reason=reason,
        facts={"case": case.pk, **case.facts},
        now=now,
    )
    return case


def _merge(case: ResidentCase, actor: User, now: dt.datetime) -> dict[str, int]:
    """Let everything that belonged to one registration belong to the other; both numbers find the person afterwards."""
    if case.other is None:
        raise DifferentPeople
    locked = {pk: lock_resident(Resident(pk=pk)) for pk in sorted((case.resident_id, case.other.pk))}
    gone, stays = locked[case.resident_id], locked[case.other.pk]
    if Resident.Status.CLOSED in {gone.status, stays.status}:
        raise ResidentClosed
    points = move_all_points(
        resident=gone,
        to=stays.wallet_key,
        kind="merge",
        key=f"merge:{case.pk}",
        reason="merge",
        actor=actor,
    )
    household = gone.household_id
    user, digest, encrypted = gone.user, gone.id_number_digest, gone.id_number_encrypted
    gone.user = None if stays.user_id is None else gone.user
    gone.id_number_digest = gone.id_number_encrypted = ""
    gone.merged_into, gone.household = stays, None
    gone.save(update_fields=["user", "id_number_digest", "id_number_encrypted", "merged_into", "household"])
    close_registration(gone, reason="merged", now=now)
    if stays.user_id is None:
        stays.user = user
    elif user is not None:
        user.is_active, user.phone = False, None
        user.save(update_fields=["is_active", "phone"])
    if digest:
        stays.id_number_digest, stays.id_number_encrypted = digest, encrypted
    stays.phone = stays.phone or gone.phone
    stays.birth_date = stays.birth_date or gone.birth_date
    if stays.household_id is None and stays.village_id == gone.village_id:
        stays.household_id = household  # who may verify whose hours does not change by it
    stays.save(update_fields=["household", "user", "id_number_digest", "id_number_encrypted", "phone", "birth_date"])
    merging.live_card_first(gone, stays, now)
    moved = merging.move_everything(gone, stays)
    Resident.objects.filter(merged_into=gone).update(merged_into=stays)
    for declaration in contract.declared("on_merge"):
        declaration.value(gone, stays, reason=case.reason, actor=actor, now=now)
    points += follow(stays, actor=actor)
    events.emit(
        "resident_merged",
        subject=stays,
        recipients=[stays],
        region=stays.village,
        facts={"from": gone.pk, "points": points},
        occurred_at=now,
    )
    return {"points": points, **moved}


def _bury(case: ResidentCase, actor: User, now: dt.datetime) -> dict[str, int]:
    """Close the account of somebody who died: points to kin or pool, no more messages, no more sign-in."""
    resident = lock_resident(Resident(pk=case.resident_id))
    if resident.status == Resident.Status.CLOSED:
        raise ResidentClosed
    to = case.other.wallet_key if case.other is not None else pool_key(resident.village)
    points = move_all_points(
        resident=resident, to=to, kind="inherit", key=f"inherit:{case.pk}", reason="death", actor=actor
    )
    resident.died_on = case.happened_on
    close_account(resident, actor=actor, reason="death", now=now)
    resident.save(update_fields=["died_on"])
    if resident.user is not None:
        resident.user.is_active, resident.user.phone = False, None
        resident.user.save(update_fields=["is_active", "phone"])
    events.emit("resident_died", subject=resident, region=resident.village, facts={"points": points}, occurred_at=now)
    return {"points": points}


def _is_own(actor: User, *residents: Resident | None) -> bool:
    return any(resident is not None and bool(interest_of(actor, resident)) for resident in residents)


def _not_own(actor: User, *residents: Resident | None) -> None:
    if _is_own(actor, *residents):
        raise OtherPersonNeeded
