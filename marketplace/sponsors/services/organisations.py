"""Organisations of all kinds: registered, approved, closed; their people invited and let go."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.sponsors import rules
from marketplace.sponsors.errors import InvitationOver, WrongPhone
from marketplace.sponsors.models import Invitation, PersonIdentity
from marketplace.sponsors.services.common import audit, need_reason
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text, person_name, phone
from timebank.registry import ids
from timebank.registry import services as registry
from timebank.registry.errors import OrganisationExists
from timebank.registry.models import Organisation, Region, RoleGrant, User
from timebank.registry.rules import can

INVITED_FOR = dt.timedelta(days=7)
ROLES = {"sponsor": "sponsor_staff", "supplier": "supplier_staff"}


@transaction.atomic
def register_party(
    *,
    name: str,
    kind: str,
    region: Region,
    actor: User | None,
    uscc: str = "",
    id_number: str = "",
    contact_name: str = "",
    contact_phone: str = "",
    now: dt.datetime | None = None,
) -> Organisation:
    """Register an organisation, or one person (kind ``person``) by ID number, kept encrypted and shown masked."""
    checked = ids.validate(id_number) if clean_text(id_number) else ""
    is_person = kind == Organisation.Kind.PERSON
    if checked and PersonIdentity.objects.filter(id_number_digest=ids.digest(checked)).exists():
        raise OrganisationExists(field="id_number")
    organisation = registry.register_organisation(
        name=person_name(name) if is_person else clean_text(name, most=120),
        kind=kind,
        region=region,
        actor=actor,
        uscc="" if is_person else uscc,
        contact_name=person_name(contact_name),
        contact_phone=phone(contact_phone),
        now=now,
    )
    if checked and is_person:
        try:
            with transaction.atomic():
                PersonIdentity.objects.create(
                    organisation=organisation,
                    id_number_encrypted=ids.encrypt(checked),
                    id_number_digest=ids.digest(checked),
                    id_number_masked=ids.mask(checked),
                )
        except IntegrityError:
            raise OrganisationExists(field="id_number") from None
    return organisation


@transaction.atomic
def approve_organisation(*, organisation: Organisation, actor: User, now: dt.datetime | None = None) -> Organisation:
    """Approve a waiting organisation: the village or town of its region. Raises ``WrongState`` the second time."""
    locked = Organisation.objects.select_for_update(of=("self",)).select_related("region").get(pk=organisation.pk)
    rules.require_manage(actor, locked.region)
    if locked.status != Organisation.Status.PENDING:
        raise WrongState(state=locked.status)
    locked.status = Organisation.Status.ACTIVE
    locked.save(update_fields=["status"])
    audit(actor, "approve_organisation", locked, locked.region, now=now)
    return locked


@transaction.atomic
def close_organisation(
    *, organisation: Organisation, actor: User, reason: str, now: dt.datetime | None = None
) -> Organisation:
    """Refuse or close an organisation, with a reason; its people's roles end with it."""
    reason = need_reason(reason)
    closed = registry.close_organisation(organisation=organisation, actor=actor, reason=reason, now=now)
    ended_at = now or timezone.now()
    RoleGrant.objects.filter(organisation=closed, ended_at__isnull=True).update(ended_at=ended_at, ended_by=actor)
    Invitation.objects.filter(organisation=closed, accepted_at=None, ended_at=None).update(ended_at=ended_at)
    return closed


# -- People ------------------------------------------------------------------------------------------------------------
def role_for(organisation: Organisation) -> str:
    """Name the role of an organisation's people: sponsor staff where it is a sponsor, else supplier staff."""
    return ROLES["sponsor" if hasattr(organisation, "sponsor") else "supplier"]


def may_invite(user: User, organisation: Organisation) -> bool:
    """Say whether ``user`` may bring people in: who manages the organisation, or its sponsor staff themselves."""
    return rules.may_manage(user, organisation) or (
        hasattr(organisation, "sponsor") and can(user, rules.PLEDGE, organisation=organisation)
    )


@transaction.atomic
def invite(
    *,
    organisation: Organisation,
    phone_number: str,
    actor: User,
    role: str = "",
    now: dt.datetime | None = None,
) -> Invitation:
    """Invite a colleague by mobile number; the same number again while it is open answers the same invitation."""
    now = now or timezone.now()
    if not may_invite(actor, organisation):
        raise NotFound
    number = phone(phone_number)
    role = role if role in ROLES.values() and rules.may_manage(actor, organisation) else role_for(organisation)
    Invitation.objects.filter(
        organisation=organisation, phone=number, accepted_at=None, ended_at=None, expires_at__lte=now
    ).update(ended_at=now)
    made, created = Invitation.objects.get_or_create(
        organisation=organisation,
        phone=number,
        role=role,
        accepted_at=None,
        ended_at=None,
        defaults={"invited_by": actor, "invited_at": now, "expires_at": now + INVITED_FOR},
    )
    if created:
        audit(actor, "invite", made, organisation.region, now=now, role=role)
    return made


@transaction.atomic
def accept_invitation(*, code: uuid.UUID, user: User, now: dt.datetime | None = None) -> RoleGrant:
    """Take an invitation: its mobile number must be the user's, and who invited must still be allowed to."""
    now = now or timezone.now()
    invitations = Invitation.objects.select_for_update(of=("self",)).select_related(
        "organisation__region", "invited_by"
    )
    invitation = invitations.filter(code=code).first()
    if invitation is None:
        raise NotFound
    if user.phone != invitation.phone:
        raise WrongPhone(field="phone")
    over = invitation.accepted_at or invitation.ended_at or invitation.expires_at <= now
    if over or not may_invite(invitation.invited_by, invitation.organisation):
        raise InvitationOver
    if invitation.organisation.status == Organisation.Status.CLOSED:
        raise InvitationOver
    grant = registry.grant_role(
        user=user, role=invitation.role, actor=None, organisation=invitation.organisation, now=now
    )
    invitation.accepted_by, invitation.accepted_at = user, now
    invitation.save(update_fields=["accepted_by", "accepted_at"])
    audit(user, "accept_invitation", invitation, invitation.organisation.region, now=now, role=invitation.role)
    return grant


@transaction.atomic
def join_by_invitation(*, code: uuid.UUID, name: str, password: str, now: dt.datetime | None = None) -> User:
    """Create the sign-in of an invited colleague who has none yet, and take the invitation."""
    invitation = Invitation.objects.filter(code=code, accepted_at=None, ended_at=None).first()
    if invitation is None:
        raise NotFound
    user = registry.create_user(name=person_name(name), actor=None, phone=invitation.phone, password=password, now=now)
    accept_invitation(code=code, user=user, now=now)
    return user


@transaction.atomic
def end_staff(*, grant: RoleGrant, actor: User, reason: str = "", now: dt.datetime | None = None) -> RoleGrant:
    """End the role of one of an organisation's people: by who may invite, or by the person."""
    grant = (
        RoleGrant.objects.select_for_update(of=("self",))
        .select_related("organisation__region", "user")
        .get(pk=grant.pk)
    )
    organisation = grant.organisation
    if organisation is None or not (grant.user_id == actor.pk or may_invite(actor, organisation)):
        raise NotFound
    if grant.ended_at is None:
        grant.ended_at, grant.ended_by = now or timezone.now(), actor
        grant.save(update_fields=["ended_at", "ended_by"])
        audit(actor, "end_staff", grant, organisation.region, reason=reason, now=now, role=grant.role)
    return grant
