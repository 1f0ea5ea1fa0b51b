"""What a price may go by: cost, cover, the work behind it, what neighbours ask, what others published."""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from statistics import median_low

from django.utils import timezone

from marketplace.funds.models import AgreedPrice, Batch, Fund
from marketplace.funds.selectors.coverage import latest
from marketplace.funds.services.goods import fund_of
from marketplace.funds.services.promising import price_on
from marketplace.partner.models import StockRecord
from marketplace.partner.prices import points_of, whole_steps
from marketplace.rewards.selectors.reach import reach_of
from timebank.policy.effort import minutes_for
from timebank.registry.models import Region
from timebank.registry.models.regions import paths_up
from timebank.service.selectors.schemes import schemes_of

MOST_SHOWN = 8
_BRACKETS = re.compile(r"[(（].*?[)）]")
_COUNTED = re.compile(r"一[次份桶块条袋]|[\s+、/]")


@dataclass(frozen=True)
class Neighbour:
    """What another supplier of the county asks for the same reward; ``minutes`` by the scheme there."""

    village: str
    supplier: str
    points: int
    minutes: int | None


@dataclass(frozen=True)
class Published:
    """A price that somebody published: a fact about another place and its scheme, with its source."""

    reward: str
    points: str
    unit: str
    place: str
    source: str


@dataclass
class Advice:
    """All that is known when a price is decided. Points in 1/100, money in fen, work in whole minutes."""

    cost_fen: int | None = None
    is_agreed: bool = False  # the cost is an agreed price, not what the last goods cost
    fund: Fund | None = None
    bp: int | None = None  # cover in 1/10,000
    suggested: int | None = None
    now: int | None = None
    minutes_now: int | None = None
    minutes_suggested: int | None = None
    tried: int | None = None
    minutes_tried: int | None = None
    has_scheme: bool = False
    month_points: int = 0  # earned by the volunteer in the middle in 30 days
    volunteers: int = 0
    neighbours: list[Neighbour] = field(default_factory=list)
    neighbours_in_all: int = 0
    median: int | None = None
    published: list[Published] = field(default_factory=list)

    @property
    def value_fen(self) -> int | None:
        """Return what the price now is worth at the fund's value of a point."""
        if self.now is None or self.fund is None:
            return None
        return self.now * self.fund.point_value_fen // 100

    @property
    def is_below_floor(self) -> bool:
        return self.bp is not None and self.fund is not None and self.bp < self.fund.floor_bp


def advice_for(record: StockRecord, *, tried: int | None = None, today: dt.date | None = None) -> Advice:
    """Gather what a price of ``record`` may go by; ``tried`` is one to look at."""
    today = today or timezone.localdate()
    region = record.partner.village
    advice = Advice(now=None if record.price is None else points_of(record.price), tried=tried)
    _cost(advice, record, today)
    advice.fund = fund_of(region.path)
    if advice.fund is not None:
        snapshot = latest(advice.fund)
        advice.bp = snapshot.bp if snapshot else None
        if advice.cost_fen:
            advice.suggested = whole_steps(advice.cost_fen * 100, advice.fund.point_value_fen)
    reach = reach_of(region, today=today)
    advice.month_points, advice.volunteers = reach.median_points, reach.volunteers
    others = _others(record)
    shown = others[:MOST_SHOWN]
    schemes = schemes_of([region, *(other.partner.village for other in shown)], today)
    scheme = schemes.get(region.pk)
    if scheme is not None:
        advice.has_scheme = True
        if advice.now is not None:
            advice.minutes_now = minutes_for(scheme, advice.now, today.year)
        if tried is not None:
            advice.minutes_tried = minutes_for(scheme, tried, today.year)
        if advice.suggested is not None:
            advice.minutes_suggested = minutes_for(scheme, advice.suggested, today.year)
    prices = [points_of(other.price or 0) for other in others]
    advice.neighbours_in_all = len(prices)
    advice.median = median_low(prices) if prices else None
    for other, points in zip(shown, prices, strict=False):
        own = schemes.get(other.partner.village_id)
        advice.neighbours.append(
            Neighbour(
                village=other.partner.village.short_name,
                supplier=other.partner.display_name,
                points=points,
                minutes=None if own is None else minutes_for(own, points, today.year),
            )
        )
    advice.published = published_for(record.product.title)
    return advice


def _cost(advice: Advice, record: StockRecord, today: dt.date) -> None:
    agreed = AgreedPrice.objects.filter(price_on(today), stockrecord=record).order_by("-valid_from", "-pk").first()
    if agreed is not None:
        advice.cost_fen, advice.is_agreed = agreed.fen, True
        return
    batch = Batch.objects.filter(stockrecord=record, fen__gt=0).order_by("-pk").first()
    if batch is not None:
        advice.cost_fen = -(-batch.fen // batch.units)


def county_path(region: Region) -> str:
    """Return the path of the county that a place lies in; of its root where there is none."""
    above = paths_up(region.path)
    rows = Region.objects.filter(path__in=above, level=Region.Level.COUNTY)
    return rows.values_list("path", flat=True).first() or above[-1]


def _others(record: StockRecord) -> list[StockRecord]:
    """List the same reward at the other suppliers of the county, the nearest first."""
    path = record.partner.village.path
    paths = paths_up(path)
    county = county_path(record.partner.village)
    rows = (
        StockRecord.objects.filter(
            product_id=record.product_id,
            partner__is_active=True,
            price__isnull=False,
            partner__village__path__startswith=county,
        )
        .exclude(pk=record.pk)
        .select_related("partner__village")
        .order_by("partner__village__path", "pk")
    )
    return sorted(rows, key=lambda row: -sum(row.partner.village.path.startswith(part) for part in paths))


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[str, Published], ...]:
    with (files("marketplace.rewards") / "data" / "reward_prices.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "published" and row["points"]]
    return tuple((_core(row["reward"]), _published(row)) for row in rows)


def _published(row: dict[str, str]) -> Published:
    points = f"{Decimal(row['points']).normalize():f}"
    return Published(row["reward"], points, row["unit"], row["place"], row["source"])


def _core(title: str) -> str:
    return _COUNTED.sub("", _BRACKETS.sub("", title))


def published_for(title: str) -> list[Published]:
    """List what others published for a reward of this name; nothing that nobody published."""
    core = _core(title)
    return [row for name, row in _table() if core and (core in name or name in core)]
