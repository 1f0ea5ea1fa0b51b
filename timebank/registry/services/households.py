"""Households: the families at one address of a village."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from timebank.common.input import household_number
from timebank.registry.errors import ConflictOfInterest, NotKin
from timebank.registry.interests import require_no_interest
from timebank.registry.models import Household, Region, Resident, User
from timebank.registry.rules import REGISTER_RESIDENT, require
from timebank.registry.selectors import resident_of, same_household
from timebank.registry.services.audit import record_audit


def household_at(village: Region, number: str, *, now: dt.datetime) -> Household | None:
    """Return the household with this number in any of its spellings, opened if nobody lived there; none for none."""
    number = household_number(number)
    if not number:
        return None
    household, _made = Household.objects.get_or_create(region=village, number=number, defaults={"created_at": now})
    return household


def households_at(wanted: Iterable[tuple[int, str]], *, now: dt.datetime) -> dict[tuple[int, str], int]:
    """Return the keys of many households by (village's key, folded number), those that lack opened in one statement."""
    numbers = {(village, household_number(number)) for village, number in wanted}
    numbers = {place for place in numbers if place[1]}

    def standing() -> dict[tuple[int, str], int]:
        rows = Household.objects.filter(
            region__in={village for village, _ in numbers}, number__in={number for _, number in numbers}
        ).values_list("region_id", "number", "pk")
        return {(village, number): pk for village, number, pk in rows if (village, number) in numbers}

    keys = standing()
    missing = [
        Household(region_id=village, number=number, created_at=now)
        for village, number in sorted(numbers)
        if (village, number) not in keys
    ]
    if missing:
        Household.objects.bulk_create(missing, ignore_conflicts=True)
        keys = standing()
    return keys


def put_in_household(resident: Resident, household: Household | None, *, actor: User) -> None:
    """Let a locked resident, who is not saved here, live somewhere else: never one's own people, nor with oneself.

    It decides who may verify whose hours. Raises ``ConflictOfInterest``.
    """
    require_no_interest(actor, resident)
    resident.household = household
    own = resident_of(actor)
    if own is not None and same_household(own, resident):
        raise ConflictOfInterest(interest="household")  # nobody makes another's matters their own


@transaction.atomic
def set_household(
    *, resident: Resident, number: str, actor: User, reason: str = "", now: dt.datetime | None = None
) -> Resident:
    """Let a person join the household with this number, or leave theirs (empty)."""
    resident = (
        Resident.objects.select_for_update(of=("self",)).select_related("village", "household").get(pk=resident.pk)
    )
    require(actor, REGISTER_RESIDENT, resident.village)
    now = now or timezone.now()
    left = resident.household
    put_in_household(resident, household_at(resident.village, number, now=now), actor=actor)
    if left is not None and left.head_id == resident.pk and left != resident.household:
        left.head = None
        left.save(update_fields=["head"])
    resident.save(update_fields=["household"])
    record_audit(
        actor=actor,
        action="set_household",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        reason=reason,
        facts={"from": left.pk if left else None, "to": resident.household_id},
        now=now,
    )
    return resident


@transaction.atomic
def set_head(*, household: Household, resident: Resident, actor: User, now: dt.datetime | None = None) -> Household:
    """Say who heads a household: one of its members."""
    household = Household.objects.select_for_update(of=("self",)).select_related("region").get(pk=household.pk)
    require(actor, REGISTER_RESIDENT, household.region)
    if not Resident.objects.filter(pk=resident.pk, household=household, status=Resident.Status.ACTIVE).exists():
        raise NotKin(field="head")
    household.head = resident
    household.save(update_fields=["head"])
    record_audit(
        actor=actor,
        action="set_head",
        subject=f"resident:{resident.pk}",
        region=household.region,
        facts={"household": household.pk},
        now=now,
    )
    return household
