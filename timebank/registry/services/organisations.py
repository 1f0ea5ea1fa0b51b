"""Organisations and their checked codes."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common.input import clean_text, person_name
from timebank.registry import uscc as codes
from timebank.registry.errors import NotAllowed, OrganisationExists
from timebank.registry.models import Organisation, Region, User
from timebank.registry.rules import GRANT_ROLE, can
from timebank.registry.services.audit import record_audit


@transaction.atomic
def register_organisation(
    *,
    name: str,
    kind: str,
    region: Region,
    actor: User | None,
    uscc: str = "",
    contact_name: str = "",
    contact_phone: str = "",
    now: dt.datetime | None = None,
) -> Organisation:
    """Register a body; by the village or town at once active, by anyone else waiting for approval.

    A code given is checked (GB 32100) and stored in its written form; a village barber may have none.
    """
    code = codes.check(uscc).code if clean_text(uscc) else ""
    if code and Organisation.objects.filter(uscc=code).exists():
        raise OrganisationExists(field="uscc")
    trusted = actor is None or can(actor, GRANT_ROLE, region)
    now = now or timezone.now()
    try:
        with transaction.atomic():
            organisation = Organisation.objects.create(
                name=clean_text(name, dots=True),
                kind=kind,
                uscc=code,
                region=region,
                contact_name=person_name(contact_name),
                contact_phone=clean_text(contact_phone),
                status=Organisation.Status.ACTIVE if trusted else Organisation.Status.PENDING,
                created_at=now,
            )
    except IntegrityError:
        raise OrganisationExists(field="uscc") from None
    record_audit(
        actor=actor,
        action="register_organisation",
        subject=f"organisation:{organisation.pk}",
        region=region,
        facts={"uscc": code},
        now=now,
    )
    return organisation


@transaction.atomic
def close_organisation(
    *, organisation: Organisation, actor: User, reason: str, now: dt.datetime | None = None
) -> Organisation:
    """Close a body; nothing of it is deleted."""
    organisation = Organisation.objects.select_for_update(of=("self",)).select_related("region").get(pk=organisation.pk)
    if not can(actor, GRANT_ROLE, organisation.region):
        raise NotAllowed
    if organisation.status != Organisation.Status.CLOSED:
        organisation.status = Organisation.Status.CLOSED
        organisation.save(update_fields=["status"])
        record_audit(
            actor=actor,
            action="close_organisation",
            subject=f"organisation:{organisation.pk}",
            region=organisation.region,
            reason=reason,
            now=now,
        )
    return organisation
