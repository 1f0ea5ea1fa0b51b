"""Which scheme prices the hours of a village on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.conf import settings

from timebank.policy.engine import Scheme
from timebank.policy.ladders import Ladder
from timebank.policy.models import SchemeVersion
from timebank.policy.selectors import version_in_force
from timebank.registry.models import Region
from timebank.registry.models.regions import paths_up
from timebank.service.errors import NoScheme
from timebank.service.models import SchemeAdoption


def adoptions_of(village: Region) -> list[SchemeAdoption]:
    """List every adoption that reaches a village: its own first, then those of the regions above, newest first."""
    return adoptions_in([village])[village.pk]


def adoptions_in(villages: Iterable[Region]) -> dict[int, list[SchemeAdoption]]:
    """List for each village, by its id, what ``adoptions_of`` does: one statement for all."""
    above = {village.pk: paths_up(village.path) for village in villages}
    wanted = {path for paths in above.values() for path in paths}
    by_path: dict[str, list[SchemeAdoption]] = {}
    for adoption in SchemeAdoption.objects.filter(region__path__in=wanted).select_related("region"):
        by_path.setdefault(adoption.region.path, []).append(adoption)
    return {
        pk: sorted(
            (adoption for path in paths for adoption in by_path.get(path, ())),
            key=lambda adoption: (adoption.region.depth, adoption.since),
            reverse=True,
        )
        for pk, paths in above.items()
    }


def in_use(adoptions: Sequence[SchemeAdoption], on: dt.date) -> SchemeAdoption | None:
    """Pick the adoption that holds on a day: the nearest region's, then its latest."""
    return next((adoption for adoption in adoptions if adoption.since <= on), None)


def scheme_of(village: Region, on: dt.date) -> SchemeVersion:
    """Return the version that prices a village's hours on a day; raises NoScheme or NoSchemeInForce."""
    adoption = in_use(adoptions_of(village), on)
    if adoption is None:
        raise NoScheme
    return version_in_force(adoption.slug, on)


def schemes_of(regions: Iterable[Region], on: dt.date) -> dict[int, Scheme]:
    """Return what prices the hours of each region on a day, by its id: two statements. None has no entry."""
    paths = {region.pk: paths_up(region.path) for region in regions}
    wanted = {path for above in paths.values() for path in above}
    adoptions: dict[str, SchemeAdoption] = {}
    for adoption in (
        SchemeAdoption.objects.filter(region__path__in=wanted, since__lte=on).select_related("region").order_by("since")
    ):
        adoptions[adoption.region.path] = adoption
    slugs = {adoption.slug for adoption in adoptions.values()}
    versions = {
        version.scheme.slug: version
        for version in SchemeVersion.objects.select_related("scheme")
        .filter(scheme__slug__in=slugs, status=SchemeVersion.Status.APPROVED, effective_from__lte=on)
        .order_by("effective_from", "number")
    }
    result = {}
    for pk, above in paths.items():
        nearest = next((adoptions[path] for path in above if path in adoptions), None)
        if nearest is not None and nearest.slug in versions:
            result[pk] = spec_of(versions[nearest.slug])
    return result


def notice_days_of(village: Region, on: dt.date) -> int:
    """Return how many days a village's notice lasts: its own choice, else the setting."""
    for adoption in adoptions_of(village):
        if adoption.since <= on and adoption.notice_days is not None:
            return adoption.notice_days
    return int(settings.NOTICE_DAYS)


def spec_of(version: SchemeVersion) -> Scheme:
    """Return what the engine prices with. An approved version never changes, so it is read once a process."""
    return _parsed(version.pk, version.content_hash, version)[0]


def ladder_of(version: SchemeVersion) -> Ladder | None:
    """Return the star ladder of a version, read once a process."""
    return _parsed(version.pk, version.content_hash, version)[1]


class _ByKey:
    """Carry a version past the cache's key: only its number and hash name it."""

    def __init__(self, version: SchemeVersion) -> None:
        self.version = version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByKey)

    def __hash__(self) -> int:
        return 0


def _parsed(pk: int, content_hash: str, version: SchemeVersion) -> tuple[Scheme, Ladder | None]:
    return _parse(pk, content_hash, _ByKey(version))


@lru_cache(maxsize=64)
def _parse(_pk: int, _content_hash: str, carried: _ByKey) -> tuple[Scheme, Ladder | None]:
    return carried.version.spec(), carried.version.ladder()
