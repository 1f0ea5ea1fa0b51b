"""People who move, come back, or get a sign-in later: always the same person, number, hours and wallet."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from timebank.common import events
from timebank.common.input import phone as read_phone
from timebank.ledger import services as ledger
from timebank.registry.errors import AlreadyRegistered, ConsentMissing, HasSignIn, NotAllowed, ResidentNotActive
from timebank.registry.interests import require_no_interest
from timebank.registry.models import Consent, Region, Residence, Resident, User
from timebank.registry.rules import REGISTER_RESIDENT, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.households import household_at
from timebank.registry.services.residents import (
    CONSENT_VERSION,
    check_village,
    lock_resident,
    make_user,
    open_village_accounts,
)


@transaction.atomic
def move_resident(
    *,
    resident: Resident,
    village: Region,
    actor: User,
    household_number: str = "",
    reason: str = "",
    now: dt.datetime | None = None,
) -> Resident:
    """Let a person live in another village from today: a new residence, everything else stays theirs.

    Done by the village that they leave: it knows them. Raises ``NotAllowed``, ``ResidentNotActive``, ``NotAVillage``.
    """
    resident = lock_resident(resident)
    require(actor, REGISTER_RESIDENT, resident.village)
    if resident.user_id == actor.pk:
        raise NotAllowed
    require_no_interest(actor, resident)  # with the place goes the household, and who may verify their hours
    check_village(village)
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    if village.pk == resident.village_id:
        raise AlreadyRegistered(field="village")
    now = now or timezone.now()
    left = resident.village
    _live_in(resident, village, now)
    resident.village = village
    resident.household = household_at(village, household_number, now=now)
    resident.save(update_fields=["village", "household"])
    open_village_accounts(village=village)
    ledger.set_expiry_account(key=resident.wallet_key, expires_to=f"expired:region:{village.pk}")
    for place in (left, village):
        record_audit(
            actor=actor,
            action="move_resident",
            subject=f"resident:{resident.pk}",
            region=place,
            reason=reason,
            facts={"from": left.pk, "to": village.pk},
            now=now,
        )
    events.emit(
        "resident_moved",
        subject=resident,
        recipients=[resident],
        region=village,
        facts={"from": left.pk, "to": village.pk},
        occurred_at=now,
    )
    return resident


def _live_in(resident: Resident, village: Region, now: dt.datetime) -> None:
    today = timezone.localdate(now)
    for stay in resident.residences.filter(until__isnull=True):
        stay.until = max(today, stay.since)
        stay.save(update_fields=["until"])
    Residence.objects.create(resident=resident, village=village, since=today)


@transaction.atomic
def apply_again(
    *,
    user: User,
    village: Region,
    consent_version: str,
    household_number: str = "",
    now: dt.datetime | None = None,
) -> Resident:
    """Let who was refused, or had left, ask a village again: the same person, waiting for its answer."""
    resident = lock_resident(Resident.objects.get(user=user))
    check_village(village)
    if resident.status != Resident.Status.CLOSED or resident.merged_into_id is not None or resident.died_on is not None:
        raise AlreadyRegistered
    if consent_version != CONSENT_VERSION:
        raise ConsentMissing(field="consent")
    now = now or timezone.now()
    _live_in(resident, village, now)
    resident.status = Resident.Status.PENDING
    resident.closed_at = None
    resident.closed_reason = ""
    resident.village = village
    resident.household = household_at(village, household_number, now=now)
    resident.save(update_fields=["status", "closed_at", "closed_reason", "village", "household"])
    Consent.objects.get_or_create(
        resident=resident, version=consent_version, withdrawn_at=None, defaults={"given_at": now}
    )
    record_audit(actor=user, action="apply_again", subject=f"resident:{resident.pk}", region=village, now=now)
    return resident


@transaction.atomic
def give_sign_in(
    *, resident: Resident, phone: str, password: str, actor: User, now: dt.datetime | None = None
) -> Resident:
    """Give a person registered on paper a sign-in: the same person, card and wallet, now with a phone."""
    resident = lock_resident(resident)
    require(actor, REGISTER_RESIDENT, resident.village)
    require_no_interest(actor, resident)
    if resident.user_id is not None:
        raise HasSignIn
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    now = now or timezone.now()
    number = read_phone(phone)
    resident.user = make_user(name=resident.name, phone=number, password=password, username="", now=now)
    resident.phone = number
    resident.save(update_fields=["user", "phone"])
    record_audit(
        actor=actor, action="give_sign_in", subject=f"resident:{resident.pk}", region=resident.village, now=now
    )
    return resident


@transaction.atomic
def accept_as(*, applicant: Resident, resident: Resident, actor: User, now: dt.datetime | None = None) -> Resident:
    """Accept an application as the sign-in of somebody registered on paper: one person, not two."""
    first, second = sorted((applicant.pk, resident.pk))
    locked = {row.pk: row for row in (lock_resident(Resident(pk=first)), lock_resident(Resident(pk=second)))}
    applicant, resident = locked[applicant.pk], locked[resident.pk]
    require(actor, REGISTER_RESIDENT, applicant.village)
    require(actor, REGISTER_RESIDENT, resident.village)
    for person in (applicant, resident):
        require_no_interest(actor, person)
    if resident.user_id is not None:
        raise HasSignIn
    if applicant.status != Resident.Status.PENDING or resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    now = now or timezone.now()
    user, phone = applicant.user, applicant.phone
    applicant.user = None
    applicant.status, applicant.closed_at, applicant.closed_reason = Resident.Status.CLOSED, now, "registered already"
    applicant.merged_into = resident
    applicant.phone = ""
    applicant.household = None
    applicant.save(update_fields=["user", "status", "closed_at", "closed_reason", "merged_into", "phone", "household"])
    applicant.residences.filter(until__isnull=True).update(until=timezone.localdate(now))
    applicant.consents.filter(withdrawn_at__isnull=True).update(withdrawn_at=now)
    resident.user = user
    resident.phone = phone or resident.phone
    if resident.confirmed_at is None:
        resident.confirmed_at, resident.confirmed_how = now, Resident.Confirmation.SIGN_IN
    resident.save(update_fields=["user", "phone", "confirmed_at", "confirmed_how"])
    for row in (applicant, resident):
        record_audit(
            actor=actor,
            action="accept_as",
            subject=f"resident:{row.pk}",
            region=resident.village,
            facts={"resident": resident.pk},
            now=now,
        )
    return resident
