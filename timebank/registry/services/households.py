"""Households: the families at one address of a village."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from timebank.common.input import household_number
from timebank.registry.models import Household, Region


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
