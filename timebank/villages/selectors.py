"""What stands in a village and what lacks; whose telephone helps; whether the setup is open."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from timebank.registry import navigation
from timebank.registry.models import Region
from timebank.registry.models.regions import paths_up
from timebank.service.models import Activity
from timebank.villages.models import Office, SetupToken
from timebank.villages.steps import Step, Villages, all_steps

FOR_STRANGERS = (  # and the pages of errors
    "registry:sign_in",
    "registry:forgotten",
    "registry:forgotten_code",
    "registry:register",
    "rewards:home",
)
ABOVE = (Region.Level.CITY, Region.Level.COUNTY)


# -- The setup ---------------------------------------------------------------------------------------------------------
def setup_is_open() -> bool:
    """Say whether this installation waits for its setup."""
    return SetupToken.objects.filter(used_at__isnull=True).exists()


def token_opens(row: SetupToken | None, token: str) -> bool:
    """Say whether a token opens the setup now."""
    if row is None or row.used_at is not None:
        return False
    return secrets.compare_digest(row.digest, sha256(token.encode()).hexdigest())


def counties() -> list[Region]:
    """List the places that a county's admin can be appointed for."""
    return list(Region.objects.filter(level=Region.Level.COUNTY, is_active=True).order_by("path"))


def places_in(region: Region, level: str) -> list[Region]:
    """List the places of one level inside another, by name."""
    inside = Region.objects.filter(path__startswith=region.path, level=level, is_active=True)
    return list(inside.order_by("path"))


# -- Help --------------------------------------------------------------------------------------------------------------
def office_of(region: Region) -> Office | None:
    """Return the nearest office with a telephone: the place's own, else one above it."""
    paths = paths_up(region.path)
    rows = Office.objects.filter(region__path__in=paths).exclude(help_phone="").select_related("region")
    return rows.order_by("-region__depth").first()


def help_office(request: HttpRequest) -> Office | None:
    """Return whose telephone helps the visitor: the own village's office, for strangers the county's."""
    place = navigation.village(request)
    region = place if isinstance(place, Region) else getattr(place, "region", None)
    if region is not None:
        return office_of(region)
    match = request.resolver_match
    if match is not None and match.view_name not in FOR_STRANGERS:
        return None  # a page for everybody asks the database nothing
    rows = Office.objects.filter(region__level__in=ABOVE).exclude(help_phone="").select_related("region")
    return rows.order_by("region__depth", "region__path").first()


# -- Founding ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Standing:
    """One step in one village: what stands, or nothing."""

    step: Step
    fact: Any = ""

    @property
    def stands(self) -> bool:
        return bool(self.fact)


@dataclass(frozen=True)
class Founding:
    """All steps of one village."""

    village: Region
    office: Office | None
    standings: tuple[Standing, ...]

    @property
    def lacking(self) -> list[Step]:
        return [item.step for item in self.standings if item.step.needed and not item.stands]

    @property
    def is_ready(self) -> bool:
        return not self.lacking

    @property
    def is_open(self) -> bool:
        return self.office is not None and self.office.opened_at is not None

    @property
    def done(self) -> int:
        return sum(1 for item in self.standings if item.stands)


def foundings(rows: list[Region], place: Region | None = None) -> list[Founding]:
    """Return what stands in each of these villages (all of ``place``); as many statements for one as for a thousand."""
    villages = Villages(rows, place)
    facts = [(step, step.standing(villages)) for step in all_steps()]
    offices = {office.pk: office for office in Office.objects.filter(villages.inside("region"))}
    return [
        Founding(row, offices.get(row.pk), tuple(Standing(step, standing.get(row.pk, "")) for step, standing in facts))
        for row in rows
    ]


def founding(village: Region) -> Founding:
    """Return what stands in one village."""
    return foundings([village])[0]


def preparing() -> QuerySet[Office]:
    """Select the offices of villages being founded: not opened yet, and nothing took place there."""
    began = Activity.objects.filter(village=OuterRef("region"))
    waiting = Office.objects.filter(opened_at__isnull=True, region__level=Region.Level.VILLAGE)
    return waiting.exclude(Exists(began))


def in_preparation(village: Region) -> bool:
    """Say whether a village is being founded."""
    return preparing().filter(region=village).exists()
