"""A past period under another scheme or price list: who gains, who loses, what it costs, who can afford what."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from marketplace.funds.models import Fund
from marketplace.funds.services.goods import fund_of
from marketplace.partner.models import StockRecord
from marketplace.partner.prices import points_of
from marketplace.rewards.models import Ticket
from timebank.policy.models import SchemeVersion
from timebank.policy.replay import Simulation
from timebank.registry.models import Region, Resident
from timebank.registry.models.regions import paths_up
from timebank.service.selectors.simulation import simulate

SPENT = (Ticket.State.ISSUED, Ticket.State.HANDED_OVER)  # what is cancelled or lapsed was paid back


@dataclass
class PersonNet:
    """What one person earned and paid then, and would have, in 1/100 points."""

    person: int
    earned_before: int = 0
    earned_after: int = 0
    paid_before: int = 0
    paid_after: int = 0

    @property
    def change(self) -> int:
        """Return what would be left to them above what was."""
        return (self.earned_after - self.earned_before) - (self.paid_after - self.paid_before)


@dataclass(frozen=True)
class Affordable:
    """How many of those who earned in the period could pay a reward from it, then and under the draft."""

    title: str
    points: int  # the lowest price in reach of anybody, under the draft
    before: int
    after: int
    change: int
    of: int


@dataclass
class WhatIf:
    """The whole of it."""

    earning: Simulation
    people: list[PersonNet] = field(default_factory=list)
    rewards: list[Affordable] = field(default_factory=list)
    tickets: int = 0
    fund: Fund | None = None

    @property
    def paid_before(self) -> int:
        return sum(row.paid_before for row in self.people)

    @property
    def paid_after(self) -> int:
        return sum(row.paid_after for row in self.people)

    @property
    def outstanding(self) -> int:
        """Return how many more points (1/100) the village would owe its people."""
        return sum(row.change for row in self.people)

    @property
    def fund_fen(self) -> int | None:
        """Return what that is to the fund, at its value of a point; None where there is no fund."""
        return None if self.fund is None else self.outstanding * self.fund.point_value_fen // 100

    @property
    def gains(self) -> list[PersonNet]:
        return sorted((row for row in self.people if row.change > 0), key=lambda row: (-row.change, row.person))

    @property
    def loses(self) -> list[PersonNet]:
        return sorted((row for row in self.people if row.change < 0), key=lambda row: (row.change, row.person))

    @property
    def same(self) -> int:
        return sum(row.change == 0 for row in self.people)


def what_if(
    region: Region,
    first: dt.date,
    last: dt.date,
    *,
    version: SchemeVersion | None = None,
    prices: Mapping[int, int] | None = None,
) -> WhatIf:
    """Reckon ``first`` to ``last`` again. ``version`` None: as it was priced then; ``prices``: 1/100 points by stock
    record. Nothing is written."""
    draft = prices or {}
    result = WhatIf(simulate(region, first, last, version), fund=fund_of(region.path))
    people: dict[int, PersonNet] = {}
    for row in result.earning.people:
        people[row.person] = PersonNet(row.person, row.before, row.after)
    start = timezone.make_aware(dt.datetime.combine(first, dt.time.min))
    end = timezone.make_aware(dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min))
    tickets = Ticket.objects.filter(
        redemption__village__path__startswith=region.path,
        issued_at__gte=start,
        issued_at__lt=end,
        state__in=SPENT,
    ).values_list(
        "resident_id",
        "stockrecord_id",
        "quantity",
        "points",
        "line__quantity",
        "line__line_price_before_discounts_incl_tax",
    )
    for person, record, quantity, points, line_quantity, listed in tickets.iterator(chunk_size=2000):
        net = people.setdefault(person, PersonNet(person))
        result.tickets += 1
        net.paid_before += points
        net.paid_after += _again(points, quantity, points_of(listed) // line_quantity, draft.get(record))
    result.people = list(people.values())
    result.rewards = _affordable(region, people, draft)
    return result


def _again(points: int, quantity: int, listed: int, new: int | None) -> int:
    """Return what a ticket would have cost at another list price, with the star discount that it had."""
    if new is None or new == listed:
        return points
    if not listed:
        return new * quantity
    step = settings.POINT_PRICE_STEP
    return -(-new * (points // quantity) // (listed * step)) * step * quantity


def _affordable(region: Region, people: Mapping[int, PersonNet], draft: Mapping[int, int]) -> list[Affordable]:
    homes: dict[str, list[int]] = defaultdict(list)
    rows = Resident.objects.filter(village__path__startswith=region.path).values_list("pk", "village__path")
    for pk, path in rows.iterator(chunk_size=5000):
        if pk in people and people[pk].earned_before + people[pk].earned_after:
            homes[path].append(pk)
    offers: dict[str, dict[str, tuple[int, int]]] = defaultdict(
        dict
    )  # product → region → (price then, under the draft)
    records = StockRecord.objects.filter(partner__is_active=True, price__gt=0, product__is_public=True)
    for pk, path, title, price in records.values_list("pk", "partner__village__path", "product__title", "price"):
        then = points_of(price)
        now = draft.get(pk, then)
        low = offers[title].get(path, (then, now))
        offers[title][path] = min(then, low[0]), min(now, low[1])
    before = {path: sorted(people[pk].earned_before for pk in pks) for path, pks in homes.items()}
    after = {path: sorted(people[pk].earned_after for pk in pks) for path, pks in homes.items()}
    result = []
    for title, by_region in offers.items():
        counts, lowest, of = [0, 0], [], 0
        for path, pks in homes.items():
            near = [by_region[part] for part in paths_up(path) if part in by_region]
            if not near:
                continue
            then, now = min(pair[0] for pair in near), min(pair[1] for pair in near)
            counts[0] += len(pks) - bisect_left(before[path], then)
            counts[1] += len(pks) - bisect_left(after[path], now)
            lowest.append(now)
            of += len(pks)
        if lowest:
            result.append(Affordable(title, min(lowest), counts[0], counts[1], counts[1] - counts[0], of))
    return sorted(result, key=lambda row: (row.points, row.title))
