"""A sponsor's standing: applied for, approved or refused, suspended, renamed, merged, its name withdrawn.

What was given stays given in every case. Suspended: nothing new is promised or paid, what is shown stays. Renamed: the
new name everywhere except on papers already issued. Merged: the heir's name and people. Withdrawn: no name anywhere.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from marketplace.funds.models import Batch, Commitment, Purpose, ServiceGift
from marketplace.sponsors import rules
from marketplace.sponsors.errors import AlreadySponsor
from marketplace.sponsors.models import Claim, Delivery, Enterprise, Need, Pledge
from marketplace.sponsors.services.common import audit, lock, need_reason, tell
from marketplace.sponsors.services.organisations import register_party
from timebank.common.errors import NotFound, WrongState
from timebank.common.input import clean_text, person_name
from timebank.registry import services as registry
from timebank.registry.models import Organisation, Region, User
from timebank.registry.rules import can, require

State = Enterprise.State


@transaction.atomic
def apply_as_sponsor(
    *,
    name: str,
    region: Region,
    uscc: str,
    contact_name: str,
    contact_phone: str,
    user: User | None = None,
    password: str | None = None,
    shown_name: str = "",
    on_thanks_wall: bool = False,
    now: dt.datetime | None = None,
) -> Enterprise:
    """Apply for an enterprise: the organisation, a sign-in for its contact, and a request to the town.

    An organisation that the village knows already (a supplier) is taken over only by its own staff.
    """
    from timebank.registry import uscc as codes

    now = now or timezone.now()
    code = codes.check(uscc).code
    known = Organisation.objects.select_related("region").filter(uscc=code).first()
    if known is not None and not (user is not None and _works_at(user, known)):
        raise AlreadySponsor(field="uscc")  # the same answer, whatever is known of it
    if user is None:
        user = registry.create_user(
            name=person_name(contact_name), actor=None, phone=contact_phone, password=password, now=now
        )
    organisation = known or register_party(
        name=name,
        kind=Organisation.Kind.ENTERPRISE,
        region=region,
        actor=user,
        uscc=code,
        contact_name=contact_name,
        contact_phone=contact_phone,
        now=now,
    )
    try:
        with transaction.atomic():
            made = Enterprise.objects.create(
                organisation=organisation,
                shown_name=clean_text(shown_name, most=60) or organisation.name[:60],
                on_thanks_wall=on_thanks_wall,
                applied_by=user,
                applied_at=now,
            )
    except IntegrityError:
        raise AlreadySponsor(field="uscc") from None
    if not can(user, rules.PLEDGE, organisation=organisation):
        registry.grant_role(user=user, role="sponsor_staff", actor=None, organisation=organisation, now=now)
    audit(user, "apply", made, organisation.region, now=now, uscc=code)
    return made


def _works_at(user: User, organisation: Organisation) -> bool:
    from timebank.registry.rules import grants_of

    return any(grant.organisation_id == organisation.pk for grant in grants_of(user))


@transaction.atomic
def enter_sponsor(
    *, organisation: Organisation, actor: User, shown_name: str = "", now: dt.datetime | None = None
) -> Enterprise:
    """Make a known organisation or person a sponsor, entered and approved by the town (who has no sign-in at all)."""
    require(actor, rules.APPROVE_SPONSOR, region=organisation.region)
    now = now or timezone.now()
    try:
        with transaction.atomic():
            made = Enterprise.objects.create(
                organisation=organisation,
                shown_name=clean_text(shown_name, most=60),
                state=State.ACTIVE,
                applied_by=actor,
                applied_at=now,
                decided_by=actor,
                decided_at=now,
            )
    except IntegrityError:
        raise AlreadySponsor from None
    audit(actor, "enter", made, organisation.region, now=now)
    return made


def _locked(enterprise: Enterprise, actor: User, *states: str) -> Enterprise:
    locked = lock(enterprise, "organisation__region", "merged_into__organisation")
    require(actor, rules.APPROVE_SPONSOR, region=locked.organisation.region)
    if states and locked.state not in states:
        raise WrongState(state=locked.state)
    return locked


def _decide(locked: Enterprise, state: str, actor: User, reason: str, now: dt.datetime) -> Enterprise:
    locked.state, locked.reason, locked.decided_by, locked.decided_at = state, reason, actor, now
    locked.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    audit(actor, state, locked, locked.organisation.region, reason=reason, now=now)
    kinds = {State.ACTIVE: "sponsor_accepted", State.REFUSED: "sponsor_refused", State.SUSPENDED: "sponsor_suspended"}
    tell(kinds[State(state)], locked, subject=locked, now=now, name=locked.organisation.name, reason=reason)
    return locked


@transaction.atomic
def decide_application(
    *, enterprise: Enterprise, actor: User, approve: bool, reason: str = "", now: dt.datetime | None = None
) -> Enterprise:
    """Approve a sponsor, or refuse it with a reason: the town or city above its region. Decided once."""
    now = now or timezone.now()
    locked = _locked(enterprise, actor, State.PENDING)
    if not approve:
        return _decide(locked, State.REFUSED, actor, need_reason(reason), now)
    Organisation.objects.filter(pk=locked.organisation_id, status=Organisation.Status.PENDING).update(
        status=Organisation.Status.ACTIVE
    )
    return _decide(locked, State.ACTIVE, actor, reason, now)


@transaction.atomic
def suspend(*, enterprise: Enterprise, actor: User, reason: str, now: dt.datetime | None = None) -> Enterprise:
    """Suspend a sponsor: nothing new is promised or paid; what it gave, and its name on it, stays."""
    locked = _locked(enterprise, actor, State.ACTIVE)
    return _decide(locked, State.SUSPENDED, actor, need_reason(reason), now or timezone.now())


@transaction.atomic
def resume(*, enterprise: Enterprise, actor: User, reason: str, now: dt.datetime | None = None) -> Enterprise:
    """Take a suspension or refusal back."""
    locked = _locked(enterprise, actor, State.SUSPENDED, State.REFUSED)
    return _decide(locked, State.ACTIVE, actor, need_reason(reason), now or timezone.now())


@transaction.atomic
def rename(
    *,
    enterprise: Enterprise,
    actor: User,
    name: str,
    shown_name: str,
    reason: str,
    now: dt.datetime | None = None,
) -> Enterprise:
    """Write down a sponsor's new name; it is shown from now on, papers already issued keep the old one."""
    locked = _locked(enterprise, actor, State.ACTIVE, State.SUSPENDED)
    before, old = locked.organisation.name, locked.public_name
    locked.organisation.name = clean_text(name, most=120) or before
    locked.organisation.save(update_fields=["name"])
    locked.shown_name = clean_text(shown_name, most=60)
    locked.save(update_fields=["shown_name"])
    spread_name(locked, old)
    audit(actor, "rename", locked, locked.organisation.region, reason=need_reason(reason), now=now, before=before)
    return locked


@transaction.atomic
def withdraw_name(
    *, enterprise: Enterprise, actor: User, shown: bool = False, now: dt.datetime | None = None
) -> Enterprise:
    """Take a sponsor's name off everything public (or, ``shown``, let it be shown again): its own staff or the town."""
    locked = lock(enterprise, "organisation__region", "merged_into__organisation")
    if not (rules.is_staff(actor, locked) or can(actor, rules.APPROVE_SPONSOR, region=locked.organisation.region)):
        raise NotFound
    old = locked.public_name or locked.shown_name
    locked.name_withdrawn_at = None if shown else (locked.name_withdrawn_at or now or timezone.now())
    locked.save(update_fields=["name_withdrawn_at"])
    spread_name(locked, old)
    audit(actor, "show_name" if shown else "withdraw_name", locked, locked.organisation.region, now=now)
    return locked


@transaction.atomic
def set_thanks(*, enterprise: Enterprise, actor: User, on_wall: bool, now: dt.datetime | None = None) -> Enterprise:
    """Choose whether a sponsor stands on the thank-you wall: its own staff only."""
    locked = lock(enterprise, "organisation__region", "merged_into__organisation")
    rules.require_staff(actor, locked)
    locked.on_thanks_wall = on_wall
    locked.save(update_fields=["on_thanks_wall"])
    audit(actor, "set_thanks", locked, locked.organisation.region, now=now, on=on_wall)
    return locked


@transaction.atomic
def merge(
    *, enterprise: Enterprise, into: Enterprise, actor: User, reason: str, now: dt.datetime | None = None
) -> Enterprise:
    """Let one sponsor go up in another: its people see what it gave, the heir's name is shown, papers stay."""
    if enterprise.pk == into.pk:
        raise WrongState
    for pk in sorted((enterprise.pk, into.pk)):  # one order, whoever merges whom
        lock(Enterprise(pk=pk))
    heir = _locked(into, actor, State.ACTIVE)
    locked = _locked(enterprise, actor, State.ACTIVE, State.SUSPENDED)
    old = locked.public_name
    locked.merged_into = heir
    locked.state, locked.reason = State.MERGED, need_reason(reason)
    locked.decided_by, locked.decided_at = actor, now or timezone.now()
    locked.save(update_fields=["merged_into", "state", "reason", "decided_by", "decided_at"])
    Enterprise.objects.filter(merged_into=locked).update(merged_into=heir)
    Claim.objects.filter(enterprise=locked, state=Claim.State.ASKED).update(state=Claim.State.WITHDRAWN)
    spread_name(locked, old)
    audit(actor, "merge", locked, locked.organisation.region, reason=reason, now=now, into=heir.pk)
    return locked


def spread_name(enterprise: Enterprise, old: str) -> None:
    """Write the name that may be shown now onto purposes, batches, given services and tickets of this sponsor."""
    name = enterprise.public_name
    mine = Pledge.objects.filter(enterprise=enterprise)
    deliveries = [f"delivery:{pk}" for pk in Delivery.objects.filter(pledge__in=mine).values_list("pk", flat=True)]
    claims = Claim.objects.filter(enterprise=enterprise, state__in=["granted", "done"])
    claims.update(shown_name=name)
    needs = Need.objects.filter(pk__in=claims.values("need"))
    purposes = Purpose.objects.filter(Q(pk__in=mine.values("purpose")) | Q(pk__in=needs.values("purpose")))
    gifts = ServiceGift.objects.filter(source__in=deliveries)
    batches = Batch.objects.filter(reference__in=deliveries)
    Commitment.objects.filter(Q(purpose__in=purposes) | Q(gift__in=gifts)).update(donor=name)
    if old:
        # A ticket for goods names its sponsor, not its batch.
        records = batches.values("stockrecord")
        Commitment.objects.filter(kind=Commitment.Kind.STOCK, donor=old, stockrecord__in=records).update(donor=name)
    for rows in (purposes, gifts, batches):
        rows.update(donor=name)
