"""Places that become one: people, houses, offices and bodies move, the old code goes on finding them."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from timebank.common.input import household_number
from timebank.ledger import services as ledger
from timebank.registry import roles
from timebank.registry.models import Household, Organisation, Region, RegionCode, Residence, Resident, RoleGrant
from timebank.registry.services.audit import record_audit


@transaction.atomic
def merge_region(*, old: Region, into: Region, now: dt.datetime) -> None:
    """Make ``old`` a part of ``into``: everybody there lives in the new place from today, with hours and points.

    A house number that both have gets the old village's name in front: they are two houses.
    """
    places = {row.pk: row for row in Region.objects.select_for_update().filter(pk__in=(old.pk, into.pk)).order_by("pk")}
    old, into = places[old.pk], places[into.pk]
    if old.successor_id == into.pk or old.pk == into.pk:
        return
    _move_households(old, into)
    moved = _move_residents(old, into, now)
    Organisation.objects.filter(region=old).update(region=into)
    _move_offices(old, into, now)
    RegionCode.objects.filter(region=old).update(region=into)
    RegionCode.objects.filter(code=old.code, valid_to=None).update(valid_to=timezone.localdate(now))
    Region.objects.filter(successor=old).update(successor=into)
    Region.objects.filter(pk=old.pk).update(is_active=False, successor=into)
    for child in list(Region.objects.filter(path__startswith=old.path, depth=old.depth + 1, is_active=True)):
        Region.objects.move(Region.objects.get(pk=child.pk), Region.objects.get(pk=into.pk), "last-child")
    record_audit(
        actor=None,
        action="merge_region",
        subject=f"region:{old.pk}",
        region=into,
        facts={"into": into.pk, "code": old.code, "residents": moved},
        now=now,
    )


def _move_households(old: Region, into: Region) -> None:
    taken = set(Household.objects.filter(region=into).values_list("number", flat=True))
    moving = list(Household.objects.filter(region=old).order_by("pk"))
    for household in moving:
        household.region = into
        if household.number in taken:
            number = household_number(f"{old.short_name[: 19 - len(household.number)]}{household.number}")
            while number in taken:
                number = f"{number[:19]}+"
            household.number = number
        taken.add(household.number)
    Household.objects.bulk_update(moving, ["region", "number"], batch_size=200)


def _move_residents(old: Region, into: Region, now: dt.datetime) -> int:
    today = timezone.localdate(now)
    living = list(Residence.objects.filter(village=old, until__isnull=True).values_list("resident", "since"))
    Residence.objects.filter(village=old, until__isnull=True, since__gt=today).update(since=today)
    Residence.objects.filter(village=old, until__isnull=True).update(until=today)
    Residence.objects.bulk_create(
        [Residence(resident_id=pk, village=into, since=today) for pk, _since in living], batch_size=1000
    )
    residents = list(Resident.objects.filter(village=old))
    Resident.objects.filter(village=old).update(village=into)
    ledger.open_accounts(
        accounts=[
            ledger.NewAccount(f"{kind}:region:{into.pk}", "system", owner=into.short_name)
            for kind in ("issuance", "expired")
        ]
    )
    ledger.set_expiry_accounts(keys=[row.wallet_key for row in residents], expires_to=f"expired:region:{into.pk}")
    return len(residents)


def _move_offices(old: Region, into: Region, now: dt.datetime) -> None:
    """Let offices go on in the new place, unless the holder has it there or would hold two that exclude each other."""
    live = RoleGrant.objects.filter(ended_at__isnull=True, region__isnull=False)
    for grant in list(live.filter(region=old).order_by("pk")):
        held = {row.role for row in live.filter(user=grant.user_id, region=into)}
        RoleGrant.objects.filter(pk=grant.pk).update(ended_at=now)
        if grant.role in held or any(roles.clash(grant.role, other) for other in held):
            continue
        RoleGrant.objects.create(
            user_id=grant.user_id, role=grant.role, region=into, granted_by_id=grant.granted_by_id, granted_at=now
        )
