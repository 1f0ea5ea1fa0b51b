"""Who holds an office proposes who comes after them; nothing changes before who may appoint says yes.

The yes is ``handover.hand_over_office``, with all its rules, by another person than who proposed and who is proposed.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common.errors import ReasonMissing
from timebank.common.events import emit
from timebank.common.input import clean_text
from timebank.registry import roles, rules
from timebank.registry.errors import NotAllowed, OfficeEnded, SameHolder, SuccessorProposed
from timebank.registry.models import Region, RoleGrant, SuccessorProposal, User
from timebank.registry.models.regions import paths_up
from timebank.registry.services.audit import record_audit
from timebank.registry.services.roles import require_no_clash


def place_of_grant(grant: RoleGrant) -> Region:
    """Return where an office is: its region, or that of its organisation."""
    return grant.region or grant.organisation.region  # type: ignore[union-attr]


def open_proposal(grant: RoleGrant) -> SuccessorProposal | None:
    """Return what is proposed for an office and not answered yet."""
    return SuccessorProposal.objects.filter(grant=grant, answered_at=None).select_related("successor").first()


@transaction.atomic
def propose_successor(
    *, grant: RoleGrant, successor: User, actor: User, reason: str = "", now: dt.datetime | None = None
) -> SuccessorProposal:
    """Propose who comes after oneself; who may appoint there, at the nearest place, is told.

    Raises ``NotAllowed`` for another's office, ``OfficeEnded, SameHolder, SuccessorProposed, DutiesClash``.
    """
    now = now or timezone.now()
    held = RoleGrant.objects.select_for_update(of=("self",)).select_related("region", "organisation__region")
    office = held.get(pk=grant.pk)
    if office.user_id != actor.pk:
        raise NotAllowed(action="propose_successor")
    if office.ended_at is not None:
        raise OfficeEnded
    if successor.pk == actor.pk:
        raise SameHolder(field="phone")
    require_no_clash(successor, office.role, office.region)
    place = place_of_grant(office)
    try:
        with transaction.atomic():
            made = SuccessorProposal.objects.create(
                grant=office, successor=successor, reason=clean_text(reason)[:200], proposed_at=now
            )
    except IntegrityError:
        raise SuccessorProposed(field="phone") from None
    record_audit(
        actor=actor,
        action="propose_successor",
        subject=f"user:{actor.pk}",
        region=place,
        reason=made.reason,
        facts={"role": office.role, "to": successor.pk},
        now=now,
    )
    emit(
        "successor_proposed",
        subject=office,
        recipients=appointers_of(office),
        region=place,
        facts={"name": actor.name, "role": office.role, "place": str(place)},
        occurred_at=now,
    )
    return made


def appointers_of(grant: RoleGrant) -> list[User]:
    """List who may give this office, at the nearest place where somebody may; never its holder."""
    may = [key for key, given in roles.table().appoints.items() if grant.role in given]
    rows = RoleGrant.objects.filter(
        role__in=may, region__path__in=paths_up(place_of_grant(grant).path), ended_at=None, user__is_active=True
    )
    held = list(rows.exclude(user=grant.user_id).select_related("region", "user").order_by("-region__depth", "pk"))
    nearest = held[0].region.depth if held else 0  # type: ignore[union-attr]
    return list({row.user_id: row.user for row in held if row.region and row.region.depth == nearest}.values())


@transaction.atomic
def withdraw_proposal(*, grant: RoleGrant, actor: User, now: dt.datetime | None = None) -> None:
    """Take one's own proposal back; again does nothing."""
    office = RoleGrant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
    if office.user_id != actor.pk:
        raise NotAllowed(action="propose_successor")
    close_proposal(office, actor=actor, now=now or timezone.now())


@transaction.atomic
def decline_proposal(*, grant: RoleGrant, actor: User, reason: str, now: dt.datetime | None = None) -> None:
    """Say no to who was proposed, and why; the holder keeps the office and is told. Again does nothing.

    Raises ``NotAllowed, ReasonMissing``.
    """
    held = RoleGrant.objects.select_for_update(of=("self",)).select_related("region", "organisation__region")
    office = held.get(pk=grant.pk)
    if office.user_id == actor.pk or not rules.may_appoint(actor, office.role, place_of_grant(office)):
        raise NotAllowed(action="grant_role", role=office.role)
    now = now or timezone.now()
    reason = clean_text(reason)[:200]
    if not reason:
        raise ReasonMissing(field="reason")
    if close_proposal(office, actor=actor, reason=reason, now=now):
        place = place_of_grant(office)
        emit(
            "successor_declined",
            subject=office,
            recipients=[office.user],
            region=place,
            facts={"role": office.role, "place": str(place), "reason": reason},
            occurred_at=now,
        )


def close_proposal(
    grant: RoleGrant, *, actor: User, now: dt.datetime, successor: User | None = None, reason: str = ""
) -> bool:
    """Answer what is open for a locked office: accepted where ``successor`` is who was proposed."""
    row = SuccessorProposal.objects.select_for_update().filter(grant=grant, answered_at=None).first()
    if row is None:
        return False
    row.answered_at, row.answered_by = now, actor
    row.accepted = successor is not None and row.successor_id == successor.pk
    row.save(update_fields=["answered_at", "answered_by", "accepted"])
    record_audit(
        actor=actor,
        action="answer_successor",
        subject=f"user:{grant.user_id}",
        region=place_of_grant(grant),
        reason=reason,
        facts={"role": grant.role, "to": row.successor_id, "accepted": row.accepted},
        now=now,
    )
    return True
