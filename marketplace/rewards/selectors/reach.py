"""How far points reach: who served, and whether what they hold buys a service that is near them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from statistics import median_low

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from marketplace.catalogue.models import ProductClass
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import points_of
from timebank.common.days import end_of_day
from timebank.ledger.selectors import balances_of
from timebank.registry.models import Region, Resident
from timebank.registry.models.regions import paths_up
from timebank.service.models import Record

DAYS = 30
CARE = (Partner.Kind.BATH, Partner.Kind.BARBER)


@dataclass(frozen=True)
class Reach:
    """Figures of a region; points in 1/100, minutes whole. ``volunteers`` served in the days looked at."""

    villages: int
    without_supplier: tuple[str, ...]
    volunteers: int
    can_afford: int  # of the volunteers: any service in reach, at its list price
    median_minutes: int
    median_points: int  # credited in these days
    care_from: int | None  # the dearest village's cheapest bath or haircut
    median_affords_care: int  # villages in which the median volunteer's month buys one
    villages_with_volunteers: int

    @property
    def percent(self) -> int:
        """Return the share of volunteers who can afford a service, in whole per cent, rounded down."""
        return self.can_afford * 100 // self.volunteers if self.volunteers else 0


def reach_of(region: Region, *, today: dt.date | None = None) -> Reach:
    """Return how far points reach in the villages of a region where people are registered: seven statements."""
    today = today or timezone.localdate()
    since = today - dt.timedelta(days=DAYS)
    people = Resident.objects.filter(village__path__startswith=region.path)
    villages = list(Region.objects.filter(pk__in=people.values("village")).order_by("path"))
    suppliers = set(Partner.objects.filter(_near(region), is_active=True).values_list("village__path", flat=True))
    services, care = _cheapest(region)
    counted = Record.objects.filter(
        village__path__startswith=region.path, served_on__gt=since, state__in=Record.COUNTED
    ).exclude(state=Record.State.DRAFT)
    minutes = dict(
        counted.order_by().values("resident").annotate(total=Sum("minutes")).values_list("resident", "total")
    )
    credited = Record.objects.filter(
        village__path__startswith=region.path,
        state=Record.State.CREDITED,
        credited_at__gte=end_of_day(since),
    )
    earned = _by_person(credited.exclude(transfer_key=""), "points")
    volunteers = list(people.filter(pk__in=minutes.keys()).select_related("village"))
    balances = balances_of([resident.wallet_key for resident in volunteers])
    by_village: dict[str, list[int]] = defaultdict(list)
    can_afford = 0
    for resident in volunteers:
        path = resident.village.path
        by_village[path].append(earned.get(resident.pk, 0))
        price = _lowest(services, path)
        balance = balances.get(resident.wallet_key)
        can_afford += price is not None and balance is not None and balance.spendable >= price
    near = {path: _lowest(care, path) for path in by_village}
    affords = sum(price is not None and median_low(by_village[path]) >= price for path, price in near.items())
    return Reach(
        villages=len(villages),
        without_supplier=tuple(v.short_name for v in villages if not any(p in suppliers for p in paths_up(v.path))),
        volunteers=len(volunteers),
        can_afford=can_afford,
        median_minutes=median_low(minutes.values()) if minutes else 0,
        median_points=median_low(earned.get(pk, 0) for pk in minutes) if minutes else 0,
        care_from=max((price for price in near.values() if price is not None), default=None),
        median_affords_care=affords,
        villages_with_volunteers=len(near),
    )


def _by_person(records: QuerySet[Record], column: str) -> dict[int, int]:
    sums = records.order_by().values("resident").annotate(total=Sum(column))
    return dict(sums.values_list("resident", "total"))


def _lowest(prices: dict[str, int], path: str) -> int | None:
    return min((prices[part] for part in paths_up(path) if part in prices), default=None)


def _near(region: Region, place: str = "village") -> Q:
    """Choose what stands in a region or above it: nothing else is in reach of its villages."""
    return Q(**{f"{place}__path__startswith": region.path}) | Q(**{f"{place}__path__in": paths_up(region.path)})


def _cheapest(region: Region) -> tuple[dict[str, int], dict[str, int]]:
    """Return the lowest list price (1/100) of a service, and of a bath or haircut, by the path of its supplier."""
    services: dict[str, int] = {}
    care: dict[str, int] = {}
    rows = StockRecord.objects.filter(
        _near(region, "partner__village"),
        partner__is_active=True,
        price__gt=0,
        product__is_public=True,
        product__min_star=0,
        product__product_class__kind=ProductClass.Kind.SERVICE,
    ).values_list("partner__village__path", "partner__kind", "price")
    for path, kind, price in rows:
        points = points_of(price)
        services[path] = min(points, services.get(path, points))
        if kind in CARE:
            care[path] = min(points, care.get(path, points))
    return services, care
