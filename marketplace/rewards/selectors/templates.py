"""What a new shelf may be filled from: rewards that others published with their price, or another village's shelf."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from statistics import median_low

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import get_language

from marketplace.catalogue.models import Product, ProductClass
from marketplace.catalogue.services import known_rewards
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import points_of, whole_steps
from marketplace.rewards.selectors.pricing import county_path
from timebank.common.input import read_id
from timebank.common.numbers import parse_points
from timebank.registry.models import Region

PUBLISHED = "published"
MOST = 300  # rows of a template, villages to choose from
_BRACKETS = re.compile(r"[(（](.*?)[)）]")


@dataclass(frozen=True)
class Suggestion:
    """A reward that may be put on the shelf. Points in 1/100; ``sources`` say whose price, and where it stands."""

    key: str
    title: str
    title_en: str
    kind: str
    unit: str
    points: int | None
    lowest: int | None
    highest: int | None
    sources: tuple[str, ...]
    category: str = ""
    drawing: str = ""
    product: Product | None = None
    is_here: bool = False  # stands on this shelf already

    @property
    def is_service(self) -> bool:
        return self.kind == ProductClass.Kind.SERVICE

    @property
    def unit_label(self) -> str:
        """The unit where it can be read: units are Chinese measure words."""
        return "" if (get_language() or "").startswith("en") else self.unit

    @property
    def label(self) -> str:
        """Name in the reader's language, if there is one."""
        if self.product is not None:
            return str(self.product.get_title())
        known = known_rewards().get(self.title)
        return known.label if known else self.title


@dataclass(frozen=True)
class _Row:
    """What all published prices of one reward say together."""

    title: str
    kind: str
    unit: str
    prices: tuple[int, ...]
    sources: tuple[str, ...]


@lru_cache(maxsize=1)
def _published() -> tuple[_Row, ...]:
    """Read the published lists: single goods and services, each reward once."""
    with (files("marketplace.rewards") / "data" / "reward_prices.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] in {"goods", "service"} and row["unit"] == "each"]
    by_name: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        title = _BRACKETS.sub("", row["reward"]).split()[-1]
        if not set(title) & set("+、/") and "时长" not in title:  # no bundles, nothing that is counted in hours
            by_name.setdefault((title, row["kind"]), []).append(row)
    made = []
    for (title, kind), named in by_name.items():
        prices = tuple(parse_points(row["points"]) for row in named if row["points"])
        units = [match[1] for row in named if (match := _BRACKETS.search(row["reward"])) and len(match[1]) <= 2]
        unit = units[0] if units else ""
        sources = tuple(" · ".join(filter(None, (row["points"], row["place"], row["source"]))) for row in named)
        made.append(_Row(title, kind, unit, prices, sources))
    return tuple(made)


def template(partner: Partner, source: str) -> list[Suggestion]:
    """Return the rows of a template (``PUBLISHED``, or the id of a village of the same town) for a supplier's shelf."""
    here = StockRecord.objects.filter(partner=partner)
    titles = set(here.values_list("product__title", "product__product_class__kind"))
    if source == PUBLISHED:
        return _from_lists(titles)
    village = villages_near(partner.village).filter(pk=read_id(source, 0)).first()
    return _from_village(village, set(here.values_list("product_id", flat=True))) if village else []


def _from_lists(titles: set[tuple[str, str]]) -> list[Suggestion]:
    rows = _published()
    known = known_rewards()
    products = {}
    result = Product.objects.filter(title__in=[row.title for row in rows], is_public=True)
    for product in result.select_related("product_class").order_by("-pk"):
        products[product.title, str(ProductClass.Kind(product.kind))] = product
    made = []
    for row in rows:
        words = known.get(row.title)
        made.append(
            Suggestion(
                key=f"n:{row.kind}:{row.title}",
                title=row.title,
                title_en=words.title_en if words else "",
                kind=row.kind,
                unit=row.unit or (words.unit if words else ""),
                points=whole_steps(median_low(row.prices)) if row.prices else None,
                lowest=min(row.prices, default=None),
                highest=max(row.prices, default=None),
                sources=row.sources,
                category=words.category if words else "",
                drawing=words.drawing if words else "",
                product=products.get((row.title, row.kind)),
                is_here=(row.title, row.kind) in titles,
            )
        )
    return sorted(made, key=lambda item: (item.points is None, item.is_service))


def _from_village(village: Region, here: set[int]) -> list[Suggestion]:
    rows = (
        StockRecord.objects.filter(partner__village=village, partner__is_active=True, product__is_public=True)
        .select_related("partner", "product__product_class")
        .order_by("product__title", "price", "pk")
    )
    made: dict[int, Suggestion] = {}
    for record in rows[:MOST]:
        product = record.product
        points = None if record.price is None else points_of(record.price)
        made.setdefault(
            product.pk,
            Suggestion(
                key=f"p:{product.pk}",
                title=product.title,
                title_en=product.title_en,
                kind=str(ProductClass.Kind(product.kind)),
                unit=product.unit,
                points=points,
                lowest=points,
                highest=points,
                sources=(f"{village.short_name} · {record.partner.display_name}",),
                product=product,
                is_here=product.pk in here,
            ),
        )
    return list(made.values())


def villages_near(region: Region) -> QuerySet[Region]:
    """Select the other villages of the same town that have something on their shelves."""
    town = region.path[: -Region.steplen] if region.level == Region.Level.VILLAGE else region.path
    shelf = StockRecord.objects.filter(partner__village=OuterRef("pk"), partner__is_active=True)
    rows = Region.objects.filter(path__startswith=town, level=Region.Level.VILLAGE, is_active=True)
    return rows.exclude(pk=region.pk).filter(Exists(shelf)).order_by("path")


def suggested_prices(records: Sequence[StockRecord]) -> dict[int, int]:
    """Suggest a price (1/100 point) for records without one: what the county's others ask, else what is published."""
    if not records:
        return {}
    others: dict[int, list[int]] = {}
    county = county_path(records[0].partner.village)
    rows = StockRecord.objects.filter(
        product__in={record.product_id for record in records},
        price__isnull=False,
        partner__is_active=True,
        partner__village__path__startswith=county,
    )
    for product, price in rows.values_list("product_id", "price"):
        others.setdefault(product, []).append(points_of(price))
    published = {(row.title, row.kind): row.prices for row in _published() if row.prices}
    made = {}
    for record in records:
        kind = str(ProductClass.Kind(record.product.kind))
        prices = others.get(record.product_id) or published.get((record.product.title, kind), ())
        if prices:
            made[record.pk] = whole_steps(median_low(prices))
    return made
