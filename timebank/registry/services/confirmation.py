"""Confirming that a registered person is there: by somebody else than who registered them, or by their own sign-in."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from timebank.registry.errors import AlreadyConfirmed, OtherPersonNeeded, ResidentNotActive
from timebank.registry.interests import interest_of
from timebank.registry.models import Resident, User
from timebank.registry.rules import CONFIRM_RESIDENT, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.residents import lock_resident


@transaction.atomic
def confirm_resident(*, resident: Resident, actor: User, now: dt.datetime | None = None) -> Resident:
    """Confirm one resident as the second person. Raises ``OtherPersonNeeded`` for who registered them, and for kin."""
    resident = lock_resident(resident)
    require(actor, CONFIRM_RESIDENT, resident.village)
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    if resident.confirmed_at is not None:
        raise AlreadyConfirmed
    if resident.registered_by_id == actor.pk or interest_of(actor, resident):
        raise OtherPersonNeeded
    _confirm(resident, Resident.Confirmation.SECOND, actor, now or timezone.now())
    return resident


@transaction.atomic
def confirm_by_sign_in(*, user: User, now: dt.datetime | None = None) -> bool:
    """Confirm a resident by their own first sign-in; say whether it did."""
    resident = Resident.objects.select_for_update(of=("self",)).select_related("village").filter(user=user).first()
    waiting = resident is not None and resident.confirmed_at is None and resident.status == Resident.Status.ACTIVE
    if resident is None or not waiting or resident.registered_by_id == user.pk:
        return False
    _confirm(resident, Resident.Confirmation.SIGN_IN, None, now or timezone.now())
    return True


def _confirm(resident: Resident, how: str, actor: User | None, now: dt.datetime) -> None:
    resident.confirmed_at, resident.confirmed_by, resident.confirmed_how = now, actor, how
    resident.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_how"])
    record_audit(
        actor=actor if actor is not None else resident.user,
        action="confirm_resident",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        facts={"how": how},
        now=now,
    )
