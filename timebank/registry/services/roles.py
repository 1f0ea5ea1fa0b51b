"""Giving and ending roles."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import events
from timebank.common.input import email as read_email
from timebank.common.input import person_name
from timebank.common.input import phone as read_phone
from timebank.registry import roles, rules
from timebank.registry.errors import AlreadyGranted, AppointsSelf, DutiesClash, NotAllowed, PhoneTaken, RoleNeedsPlace
from timebank.registry.interests import require_no_interest
from timebank.registry.models import Organisation, Region, RoleGrant, User
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.selectors import resident_of
from timebank.registry.services.audit import record_audit


@transaction.atomic
def create_user(
    *,
    name: str,
    actor: User | None,
    phone: str = "",
    email: str = "",
    password: str | None = None,
    username: str = "",
    now: dt.datetime | None = None,
) -> User:
    """Create a sign-in for staff; what they may do is granted apart. ``actor`` nobody = the machine itself."""
    if actor is not None:
        rules.require(actor, GRANT_ROLE)
    fields = {"username": username} if username else {}
    now = now or timezone.now()
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                name=person_name(name),
                password=password,
                phone=read_phone(phone) or None,
                email=read_email(email) or None,
                date_joined=now,
                **fields,
            )
    except IntegrityError:
        raise PhoneTaken(field="phone") from None
    record_audit(actor=actor, action="create_user", subject=f"user:{user.pk}", now=now)
    return user


@transaction.atomic
def grant_role(
    *,
    user: User,
    role: str,
    actor: User | None,
    region: Region | None = None,
    organisation: Organisation | None = None,
    reason: str = "",
    now: dt.datetime | None = None,
) -> RoleGrant:
    """Give a role in a region or at an organisation; refuse what the separation of duties forbids.

    ``actor`` is nobody only for the machine itself (the first operator, a load command).
    """
    place = region or (organisation.region if organisation is not None else None)
    if place is None or (region is not None and organisation is not None):
        raise RoleNeedsPlace(field="role")
    if not roles.is_role(role):
        raise NotAllowed(action="grant_role", role=role)
    if (organisation is not None) != roles.is_by_organisation(role):
        raise RoleNeedsPlace(field="role")
    if actor is not None and actor.pk == user.pk:
        raise AppointsSelf(field="user")
    resident = resident_of(user)
    if actor is not None and resident is not None:
        require_no_interest(actor, resident)
    if actor is not None and not rules.may_appoint(actor, role, place):
        raise NotAllowed(action="grant_role", role=role)
    rules.require_confirmed(actor)
    now = now or timezone.now()
    # The person's row is the lock: two clashing grants at once wait for one another.
    User.objects.select_for_update().get(pk=user.pk)
    require_no_clash(user, role, region)
    try:
        with transaction.atomic():
            grant = RoleGrant.objects.create(
                user=user, role=role, region=region, organisation=organisation, granted_by=actor, granted_at=now
            )
    except IntegrityError:
        raise AlreadyGranted(field="role") from None
    rules.forget_grants(user)
    _tell(grant, "role_given", now)
    record_audit(
        actor=actor,
        action="grant_role",
        subject=f"user:{user.pk}",
        region=place,
        reason=reason,
        facts={"role": str(role), "organisation": organisation.pk if organisation else None},
        now=now,
    )
    return grant


@transaction.atomic
def end_role(*, grant: RoleGrant, actor: User, reason: str = "", now: dt.datetime | None = None) -> RoleGrant:
    """End a role: by who may give it, or by its holder. Again does nothing."""
    grant = (
        RoleGrant.objects.select_for_update(of=("self",))
        .select_related("region", "organisation__region", "user")
        .get(pk=grant.pk)
    )
    place = grant.region if grant.region is not None else grant.organisation.region  # type: ignore[union-attr]
    if grant.user_id != actor.pk and not rules.may_appoint(actor, grant.role, place):
        raise NotAllowed(action="grant_role", role=grant.role)
    if grant.ended_at is not None:
        return grant
    if grant.user_id != actor.pk:
        rules.require_confirmed(actor)
    grant.ended_at = now or timezone.now()
    grant.ended_by = actor
    grant.save(update_fields=["ended_at", "ended_by"])
    rules.forget_grants(grant.user)
    rules.forget_grants(actor)
    if grant.user_id != actor.pk:
        _tell(grant, "role_ended", grant.ended_at)
    record_audit(
        actor=actor,
        action="end_role",
        subject=f"user:{grant.user_id}",
        region=place,
        reason=reason,
        facts={"role": grant.role},
        now=grant.ended_at,
    )
    return grant


def _tell(grant: RoleGrant, kind: str, now: dt.datetime) -> None:
    """Say to a person that an office of theirs began or ended."""
    place = grant.organisation.name if grant.organisation is not None else str(grant.region)
    events.emit(
        kind,
        subject=grant,
        recipients=[grant.user],
        region=grant.region or "",
        facts={"role": grant.role, "place": place},
        occurred_at=now,
    )


def require_no_clash(user: User, role: str, region: Region | None) -> None:
    """Refuse a role that leaves both ends of something in one hand; to be sure, the caller holds the person's row."""
    if user.is_superuser:
        raise DutiesClash(field="role")
    if region is None:
        return
    held = RoleGrant.objects.filter(user=user, ended_at__isnull=True, region__isnull=False).select_related("region")
    for other in held:
        if other.region and roles.clash(role, other.role) and rules.overlap(region, other.region):
            raise DutiesClash(field="role")
