"""Who looks like somebody that the desk is about to register: the same judgement as for the rows of a list."""

from __future__ import annotations

import datetime as dt

from timebank.common import input as clean
from timebank.registry.imports.candidates import Candidate
from timebank.registry.imports.matching import Matcher
from timebank.registry.models import Region, Resident


def lookalikes(
    *,
    village: Region,
    name: str,
    birth_date: dt.date | None,
    phone: str,
    household_number: str,
    id_number: str = "",
) -> list[Resident]:
    """List the residents who may be this person, or who have this phone."""
    candidate = Candidate(
        number=0,
        name=clean.person_name(name),
        birth_date=birth_date,
        id_number=clean.id_number(id_number),
        phone=phone,
        household_number=household_number,
        village_id=village.pk,
    )
    matcher = Matcher()
    matcher.prepare([candidate])
    keys = [question.about.pk for question in matcher.resemblances(candidate)]
    return list(Resident.objects.filter(pk__in=keys).select_related("village", "household").order_by("name", "pk"))
