"""Schemes as somebody may see them, and where each is in use."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from timebank.policy.describe import RuleText, rule_text
from timebank.policy.models import Scheme, SchemeVersion
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import VIEW_VILLAGE
from timebank.service.models import SchemeAdoption
from timebank.service.rules import DRAFT_SCHEME

STAFF = (VIEW_VILLAGE, DRAFT_SCHEME)
MOST_RULES = 2  # of a scheme in a list


@dataclass(frozen=True)
class SchemeRow:
    """A scheme in the list: its newest approved version, an open draft, and how many regions use it today."""

    scheme: Scheme
    approved: SchemeVersion | None
    draft: SchemeVersion | None
    used_by: int


def sees_schemes(actor: Any) -> bool:
    """Tell whether somebody works with schemes at all."""
    return any(registry_rules.can(actor, action) for action in STAFF)


def own_regions(actor: Any, *actions: str) -> QuerySet[Region]:
    """Select the regions in which somebody may do one of these."""
    regions = registry_rules.regions_where(actor, actions[0])
    for action in actions[1:]:
        regions = regions | registry_rules.regions_where(actor, action)
    return regions.order_by("path")


def _near(actor: Any) -> Q:
    """Return what lies in, above or below the regions of somebody; a published scheme of no region is everybody's."""
    near = Q(scheme__region__isnull=True)
    if getattr(actor, "is_superuser", False):
        return Q(pk__isnull=False)
    for grant in registry_rules.grants_of(actor):
        if grant.region is not None:
            path = grant.region.path
            above = paths_up(path)
            near |= Q(scheme__region__path__startswith=path) | Q(scheme__region__path__in=above)
    return near


def versions_seen(actor: Any) -> QuerySet[SchemeVersion]:
    """Select the versions that somebody may read: what is approved, and the drafts near their regions."""
    versions = SchemeVersion.objects.select_related("scheme", "scheme__region", "drafted_by", "approved_by")
    approved = Q(status=SchemeVersion.Status.APPROVED)
    return versions.filter(approved | _near(actor)) if sees_schemes(actor) else versions.filter(approved)


def version_for(actor: Any, slug: str, number: int) -> SchemeVersion:
    """Return a version to who may read it; 404 to anybody else."""
    version = versions_seen(actor).filter(scheme__slug=slug, number=number).first()
    if version is None:
        raise Http404
    return version


def scheme_rows(actor: Any, on: dt.date | None = None) -> list[SchemeRow]:
    """List the schemes that somebody may read, those in use first."""
    approved: dict[int, SchemeVersion] = {}
    drafts: dict[int, SchemeVersion] = {}
    schemes: dict[int, Scheme] = {}
    for version in versions_seen(actor).exclude(status=SchemeVersion.Status.DISCARDED).order_by("number"):
        schemes[version.scheme_id] = version.scheme
        (approved if version.status == SchemeVersion.Status.APPROVED else drafts)[version.scheme_id] = version
    used = in_use_by_slug(on or timezone.localdate())
    rows = [
        SchemeRow(scheme, approved.get(pk), drafts.get(pk), len(used.get(scheme.slug, ())))
        for pk, scheme in schemes.items()
    ]
    return sorted(rows, key=lambda row: (-row.used_by, row.approved is None, row.scheme.name))


def in_use_by_slug(on: dt.date) -> dict[str, list[SchemeAdoption]]:
    """Return the adoptions that hold on a day, by scheme: of each region its latest."""
    latest: dict[int, SchemeAdoption] = {}
    for adoption in SchemeAdoption.objects.filter(since__lte=on).select_related("region").order_by("since", "pk"):
        latest[adoption.region_id] = adoption
    result: dict[str, list[SchemeAdoption]] = defaultdict(list)
    for adoption in latest.values():
        result[adoption.slug].append(adoption)
    return result


def adoptions_seen(actor: Any) -> QuerySet[SchemeAdoption]:
    """Select the adoptions in, above and below somebody's regions, newest first."""
    rows = SchemeAdoption.objects.select_related("region", "adopted_by")
    if not getattr(actor, "is_superuser", False):
        near = Q(pk__in=[])
        for grant in registry_rules.grants_of(actor):
            if grant.region is not None:
                path = grant.region.path
                above = paths_up(path)
                near |= Q(region__path__startswith=path) | Q(region__path__in=above)
        rows = rows.filter(near)
    return rows.order_by("-since", "-pk")


def approved_schemes() -> QuerySet[Scheme]:
    """Select the schemes that can be adopted."""
    versions = SchemeVersion.objects.filter(status=SchemeVersion.Status.APPROVED).values("scheme_id")
    return Scheme.objects.filter(pk__in=versions).order_by("name")


def schemes_in_words() -> list[tuple[Scheme, list[RuleText]]]:
    """Return each scheme that can be adopted with the first rules of its newest approved version, in sentences."""
    approved = SchemeVersion.objects.filter(status=SchemeVersion.Status.APPROVED).select_related("scheme")
    newest = {version.scheme_id: version for version in approved.order_by("scheme__name", "number")}
    return [
        (version.scheme, [rule_text(rule) for rule in version.spec().rules[:MOST_RULES]]) for version in newest.values()
    ]
