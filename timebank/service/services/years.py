"""The close of a year: what a star brings to the next one. Points to spend are not touched: their lots have a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db import transaction
from django.utils import timezone

from timebank.common.errors import DomainError
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, Resident, User
from timebank.registry.rules import AUDIT
from timebank.registry.services import record_audit
from timebank.service import errors, rules
from timebank.service.models import Standing
from timebank.service.selectors.schemes import spec_of
from timebank.service.services.credit import set_level
from timebank.service.services.pricing import Tariff

BATCH = 500


def close_year(
    *, year: int, actor: User | None = None, region: Region | None = None, now: dt.datetime | None = None
) -> int:
    """Let the stars of a year that is over bring to the next what the scheme says; return how many standings changed.

    Again it changes nothing: what is carried is set, not added. ``actor`` None is the clock.
    """
    now = now or timezone.now()
    if actor is not None:
        registry_rules.require(actor, AUDIT, region=region)
    if year >= rules.local_day(now).year:
        raise errors.YearNotOver(field="year")
    changed = last = 0
    tariff = Tariff()
    while True:
        people = Resident.objects.filter(pk__gt=last, standings__year=year).order_by("pk").distinct()
        if region is not None:
            people = people.filter(village__path__startswith=region.path)
        batch = list(people.select_related("village")[:BATCH])
        if not batch:
            break
        last = batch[-1].pk
        changed += _close(batch, year, tariff, now)
    record_audit(
        actor=actor, action="close_year", subject=f"year:{year}", region=region, facts={"changed": changed}, now=now
    )
    return changed


@transaction.atomic
def _close(people: list[Resident], year: int, tariff: Tariff, now: dt.datetime) -> int:
    list(Resident.objects.select_for_update(of=("self",)).filter(pk__in=[p.pk for p in people]).order_by("pk"))
    kept: dict[int, dict[int, Standing]] = defaultdict(dict)
    for row in Standing.objects.filter(resident__in=people):
        kept[row.resident_id][row.year] = row
    rows = []
    for person in people:
        try:
            version = tariff.version(person.village, dt.date(year, 12, 31))
        except DomainError:
            continue
        years = kept[person.pk]
        carried = dict(spec_of(version).carry).get(years[year].star, 0)
        following = years.get(year + 1)
        if carried == (following.carried_points if following else 0):
            continue
        following = years.setdefault(year + 1, Standing(resident=person, year=year + 1))
        following.carried_points = carried
        set_level(following, years, version, now)
        rows.append(following)
    fields = ["carried_points", "score", "tier", "star", "updated_at"]
    Standing.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["resident", "year"], update_fields=fields, batch_size=BATCH
    )
    return len(rows)
