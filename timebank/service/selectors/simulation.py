"""Replay what a region was credited in a past period under a draft: read in sets, reckoned by the pure engine."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from timebank.policy.engine import Fact, Past, Scheme
from timebank.policy.models import SchemeVersion
from timebank.policy.replay import Served, Simulation, past_of, replay
from timebank.registry.models import Region
from timebank.service.models import PointCorrection, Record
from timebank.service.selectors.schemes import adoptions_of, in_use, spec_of
from timebank.service.services.pricing import Tariff, looks_back_to, shares_caps

COLUMNS = (
    "pk", "resident_id", "resident__household_id", "category_id", "served_on", "minutes", "quantity", "factors", "unit",
    "chosen_points", "points", "rule", "rule_version", "transfer_key", "village_id", "village__path",
)  # fmt: skip


def simulate(region: Region, first: dt.date, last: dt.date, version: SchemeVersion | None = None) -> Simulation:
    """Price what was credited in a region from ``first`` to ``last`` again; ``version`` None: as it was priced then."""
    start = timezone.make_aware(dt.datetime.combine(first, dt.time.min))
    end = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min))
    credited = Record.objects.filter(village__path__startswith=region.path, state=Record.State.CREDITED)
    period = credited.filter(credited_at__gte=start, credited_at__lt=end)
    days = list(period.order_by("served_on").values_list("served_on", flat=True)[:1])
    if not days:
        return Simulation()
    corrected = _corrections(period)
    pricing = _Pricing(version, first)
    served = [pricing.served(row, corrected) for row in _rows(period)]
    schemes = {id(item.scheme): item.scheme for item in served}.values()
    since = looks_back_to(schemes, days[0])
    earlier = Record.objects.filter(
        state=Record.State.CREDITED, credited_at__lt=start, resident__in=period.values("resident")
    )
    if since is not None:
        earlier = earlier.filter(served_on__gte=since)
    before, family = _history(earlier)
    if shares_caps(schemes):
        homes = {item.home for item in served if item.home is not None}
        relatives = Record.objects.filter(
            state=Record.State.CREDITED, credited_at__lt=start, resident__household__in=homes
        )
        _own, family = _history(relatives if since is None else relatives.filter(served_on__gte=since))
    return replay(served, before, family)


def _rows(records: Any) -> Iterator[dict[str, Any]]:
    ordered = records.order_by("credited_at", "resident_id", "served_on", "pk")
    return iter(ordered.values(*COLUMNS).iterator(chunk_size=2000))


def _corrections(records: Any) -> dict[int, int]:
    total: dict[int, int] = defaultdict(int)
    for pk, points in PointCorrection.objects.filter(record__in=records.values("pk")).values_list(
        "record_id", "points"
    ):
        total[pk] += points
    return total


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(
        category=row["category_id"],
        on=row["served_on"],
        minutes=row["minutes"],
        quantity=row["quantity"],
        factors=tuple(row["factors"]),
        unit=row["unit"],
        chosen=row["chosen_points"],
    )


def _earns(row: dict[str, Any]) -> str:
    return "points" if row["transfer_key"] or not row["points"] else "standing"


class _Pricing:
    """What prices each record: the draft for all, or the version that priced it then; each read once."""

    def __init__(self, version: SchemeVersion | None, first: dt.date) -> None:
        self._draft: Scheme | None = None if version is None else version.spec()
        self._first = first
        self._tariff = Tariff()
        self._specs: dict[str, Scheme] = {}
        self._since: dict[tuple[int, str], dt.date] = {}
        self._adoptions: dict[int, Any] = {}

    def served(self, row: dict[str, Any], corrected: dict[int, int]) -> Served:
        """Return a record as a fact of the period."""
        scheme, since = (self._draft, self._first) if self._draft is not None else self._then(row)
        return Served(
            person=row["resident_id"],
            home=row["resident__household_id"],
            fact=_fact(row),
            points=row["points"] + corrected.get(row["pk"], 0),
            scheme=scheme,
            since=since,
            earns=_earns(row),
        )

    def _then(self, row: dict[str, Any]) -> tuple[Scheme, dt.date]:
        code = row["rule_version"]
        if code not in self._specs:
            self._specs[code] = spec_of(self._tariff.named(code))
        village = row["village_id"]
        if village not in self._adoptions:
            self._adoptions[village] = adoptions_of(Region.objects.get(pk=village))
        adoption = in_use(self._adoptions[village], row["served_on"])
        effective = self._tariff.named(code).effective_from
        return self._specs[code], max(adoption.since, effective) if adoption is not None else effective


def _history(records: Any) -> tuple[dict[int, list[Past]], dict[int, list[tuple[int, Past]]]]:
    own: dict[int, list[Past]] = defaultdict(list)
    family: dict[int, list[tuple[int, Past]]] = defaultdict(list)
    corrected = _corrections(records)
    for row in _rows(records):
        points = row["points"] + corrected.get(row["pk"], 0)
        past = past_of(_fact(row), points=points, rule=row["rule"], earns=_earns(row))
        own[row["resident_id"]].append(past)
        if row["resident__household_id"] is not None:
            family[row["resident__household_id"]].append((row["resident_id"], past))
    return own, family
