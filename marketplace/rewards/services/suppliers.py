"""Suppliers of a place, opened and changed by those who are responsible there."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from marketplace.partner.models import Partner
from marketplace.partner.services import create_partner, update_partner
from marketplace.rewards.errors import SupplierNameTaken, SupplierNotHere
from marketplace.rewards.rules import KEEP_SUPPLIERS
from timebank.common.input import clean_text, telephone
from timebank.registry import rules as registry_rules
from timebank.registry.models import Organisation, Region, User
from timebank.registry.services import record_audit


def _facts(place: str, phone: str, opening_hours: str) -> dict[str, str]:
    return {
        "place": clean_text(place),
        "phone": telephone(phone),
        "opening_hours": clean_text(opening_hours),
    }


def _check_organisation(organisation: Organisation | None, region: Region) -> None:
    """Refuse an organisation of another corner of the county: a supplier's staff and payee come from it."""
    if organisation is None:
        return
    if not registry_rules.overlap(organisation.region, region) or organisation.status != Organisation.Status.ACTIVE:
        raise SupplierNotHere(field="organisation")


@transaction.atomic
def open_supplier(
    *,
    region: Region,
    name: str,
    kind: str,
    place: str,
    opening_hours: str,
    phone: str = "",
    name_en: str = "",
    organisation: Organisation | None = None,
    actor: User,
    now: dt.datetime | None = None,
) -> Partner:
    """Open a supplier: of a village for its people, of a town or county for every village in it."""
    registry_rules.require(actor, KEEP_SUPPLIERS, region=region)
    _check_organisation(organisation, region)
    Region.objects.select_for_update().get(pk=region.pk)  # two who open at once wait: codes count on
    if Partner.objects.filter(village=region, name=clean_text(name)).exists():
        raise SupplierNameTaken(field="name")
    partner = create_partner(
        name=clean_text(name),
        village=region,
        kind=kind,
        name_en=clean_text(name_en),
        organisation=organisation,
        **_facts(place, phone, opening_hours),
    )
    record_audit(
        actor=actor, action="open_supplier", subject=f"partner:{partner.pk}", region=region, now=now or timezone.now()
    )
    return partner


@transaction.atomic
def change_supplier(
    *,
    partner: Partner,
    name: str,
    kind: str,
    place: str,
    opening_hours: str,
    phone: str = "",
    name_en: str = "",
    organisation: Organisation | None = None,
    is_active: bool = True,
    actor: User,
) -> Partner:
    """Change what is known of a supplier, or close it: what was redeemed there is still handed over."""
    locked = Partner.objects.select_for_update(of=("self",)).select_related("village").get(pk=partner.pk)
    registry_rules.require(actor, KEEP_SUPPLIERS, region=locked.village)
    _check_organisation(organisation, locked.village)
    if Partner.objects.filter(village=locked.village, name=clean_text(name)).exclude(pk=locked.pk).exists():
        raise SupplierNameTaken(field="name")
    return update_partner(
        partner=locked,
        actor=actor,
        name=clean_text(name),
        kind=kind,
        name_en=clean_text(name_en),
        organisation=organisation,
        is_active=is_active,
        **_facts(place, phone, opening_hours),
    )
