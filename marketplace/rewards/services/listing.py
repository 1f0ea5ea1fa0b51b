"""Many rewards put on shelves, and priced, at once: as many statements for a hundred as for one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from oscar.core.utils import slugify

from marketplace.catalogue.models import Category, Product, ProductCategory, ProductClass
from marketplace.catalogue.services import ensure_category, index_products, product_class_of
from marketplace.funds.models import BasicLine
from marketplace.partner.errors import BadPrice
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import decimal_of
from marketplace.rewards import errors
from marketplace.rewards.models import PriceChange
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from timebank.common.batches import batched
from timebank.common.input import clean_text
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, User
from timebank.registry.services.audit import record_audits

CATEGORIES = {"goods": "日用品", "service": "服务"}
BATCH = 500  # rows a statement
Subject = tuple[str, Region | None, dict[str, Any]]  # of a line of the audit


@dataclass(frozen=True)
class Item:
    """A reward to put on a shelf: the one of ``product``, else of the barcode, else of title and kind, else new."""

    title: str = ""
    kind: str = "goods"
    unit: str = ""
    barcode: str = ""
    title_en: str = ""
    category: str = ""
    drawing: str = ""
    product: Product | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return ("code", self.barcode) if self.barcode else ("title", self.title, self.kind)


TITLE_LENGTH, UNIT_LENGTH = 120, 20  # characters, in forms and files alike


class Wanted(NamedTuple):
    """One reward on one supplier's shelf."""

    partner: Partner
    item: Item


@transaction.atomic
def list_many(*, wanted: Sequence[Wanted], actor: User, now: dt.datetime | None = None) -> list[StockRecord | None]:
    """Put rewards on shelves, still without a price and with none in stock; None for what its supplier offers already.

    The same barcode, or without one the same title and kind, is the same reward on many shelves.
    """
    for village in {entry.partner.village_id: entry.partner.village for entry in wanted}.values():
        registry_rules.require(actor, LIST_REWARD, region=village)
    return put_on_shelves(wanted=wanted, actor=actor, now=now)


@transaction.atomic
def put_on_shelves(
    *, wanted: Sequence[Wanted], actor: User, now: dt.datetime | None = None
) -> list[StockRecord | None]:
    """Do what ``list_many`` says; the caller has checked who may (goods that arrive need a place to lie)."""
    partners = {entry.partner.pk: entry.partner for entry in wanted}
    list(Partner.objects.select_for_update().filter(pk__in=partners).order_by("pk").values_list("pk"))
    products = _products([entry.item for entry in wanted])
    standing = _standing(list(partners), [product.pk for product in products])
    made: list[StockRecord | None] = []
    for (partner, _item), product in zip(wanted, products, strict=True):
        if (partner.pk, product.pk) in standing:
            made.append(None)
            continue
        standing.add((partner.pk, product.pk))
        record = StockRecord(
            partner=partner,
            product=product,
            partner_sku=product.upc or f"P{product.pk}",
            price=None,
            price_currency="PTS",
            num_in_stock=0 if product.get_product_class().track_stock else None,
        )
        made.append(record)
    fresh = [record for record in made if record is not None]
    StockRecord.objects.bulk_create(fresh, batch_size=BATCH)
    index_products(products=list({record.product_id: record.product for record in fresh}.values()))
    subjects: list[Subject] = [(f"stockrecord:{record.pk}", record.partner.village, {}) for record in fresh]
    record_audits(actor=actor, action="list_reward", rows=subjects, now=now)
    return made


def _standing(partners: Sequence[int], products: Sequence[int]) -> set[tuple[int, int]]:
    """Return which of these products stand on which of these shelves."""
    pairs: set[tuple[int, int]] = set()
    for part in batched(sorted(set(products))):
        rows = StockRecord.objects.filter(partner__in=partners, product__in=part)
        pairs.update(rows.values_list("partner_id", "product_id"))
    return pairs


def _products(items: Sequence[Item]) -> list[Product]:
    """Find the product of each item, made where there is none yet."""
    open_items = [item for item in items if item.product is None]
    result = _known(open_items)
    missing = {item.key: item for item in open_items if item.key not in result}
    if missing:
        _make(list(missing.values()))
        result |= _known(list(missing.values()))
    return [item.product or result[item.key] for item in items]


def _known(items: Sequence[Item]) -> dict[tuple[str, ...], Product]:
    """Find products by barcode, or by title and kind among those without one; the oldest where there are several."""
    result: dict[tuple[str, ...], Product] = {}
    rows = Product.objects.select_related("product_class").order_by("-pk")
    for part in batched(sorted({item.barcode for item in items if item.barcode})):
        result |= {("code", product.upc or ""): product for product in rows.filter(upc__in=part)}
    for part in batched(sorted({item.title for item in items if not item.barcode})):
        for product in rows.filter(title__in=part, upc__isnull=True, product_class__isnull=False):
            result["title", product.title, str(ProductClass.Kind(product.kind))] = product
    return result


def _make(items: Sequence[Item]) -> None:
    """Write down new rewards. A barcode that somebody else wrote down at this moment is theirs."""
    products = []
    classes = {kind: product_class_of(kind) for kind in sorted({item.kind for item in items})}
    for item in items:
        product = Product(
            title=item.title,
            title_en=item.title_en,
            product_class=classes[item.kind],
            unit=item.unit,
            upc=item.barcode or None,
            picture=item.drawing,
        )
        product.slug = slugify(item.title)
        products.append(product)
    coded = [product for product in products if product.upc]
    Product.objects.bulk_create(coded, batch_size=BATCH, ignore_conflicts=True)
    Product.objects.bulk_create([product for product in products if not product.upc], batch_size=BATCH)
    ids = {}
    for part in batched([product.upc or "" for product in coded]):
        ids.update(Product.objects.filter(upc__in=part).values_list("upc", "pk"))
    categories: dict[str, Category] = {}
    links = []
    for item, product in zip(items, products, strict=True):
        path = item.category or CATEGORIES[item.kind]
        if path not in categories:
            categories[path] = ensure_category(path=path)
        pk = ids[product.upc] if product.upc else product.pk
        links.append(ProductCategory(product_id=pk, category=categories[path]))
    ProductCategory.objects.bulk_create(links, batch_size=BATCH, ignore_conflicts=True)


class Priced(NamedTuple):
    """A price decided for a stock record, in 1/100 point."""

    stockrecord: StockRecord
    points: int


def price_problem(points: int) -> str:
    """Say why this can't be a price; nothing when it can."""
    if points < 0 or points % settings.POINT_PRICE_STEP:
        return str(BadPrice(points=points))
    return ""


def rights_among(products: Iterable[int], day: dt.date) -> set[int]:
    """Return which of these products are everybody's right on a day: they can have no price."""
    result: set[int] = set()
    for part in batched(sorted(set(products))):
        rows = BasicLine.objects.filter(BasicLine.in_force(day), product_id__in=part)
        result.update(rows.values_list("product_id", flat=True))
    return result


@transaction.atomic
def price_many(
    *, prices: Sequence[Priced], reason: str, actor: User, only_new: bool = False, now: dt.datetime | None = None
) -> list[PriceChange]:
    """Decide many prices that hold from today, for one reason. Every decision stays in the history.

    ``only_new``: refuse what somebody has priced meanwhile.
    """
    now = now or timezone.now()
    for village in _villages(prices).values():
        registry_rules.require(actor, PRICE_REWARD, region=village)
    if not clean_text(reason):
        raise errors.PriceReasonMissing(field="reason")
    rights = rights_among([entry.stockrecord.product_id for entry in prices], timezone.localdate(now))
    for entry in prices:
        if price_problem(entry.points):
            raise BadPrice(field=f"row{entry.stockrecord.pk}", points=entry.points)
        if entry.points and entry.stockrecord.product_id in rights:
            raise errors.PriceOfARight(field=f"row{entry.stockrecord.pk}")
    ids = sorted(entry.stockrecord.pk for entry in prices)
    before = {}
    for part in batched(ids):
        rows = StockRecord.objects.select_for_update(of=("self",)).filter(pk__in=part).order_by("pk")
        before.update(rows.values_list("pk", "price"))
    for record, _points in prices:
        if only_new and before.get(record.pk) is not None:
            said = errors.PricedMeanwhile.message % {"item": record.product.get_title()}
            raise errors.PricedMeanwhile(said, field=f"row{record.pk}")
    changes = [
        PriceChange(
            stockrecord=entry.stockrecord,
            points=entry.points,
            since=timezone.localdate(now),
            reason=clean_text(reason),
            decided_by=actor,
            created_at=now,
            applied_at=now,
        )
        for entry in prices
    ]
    PriceChange.objects.bulk_create(changes, batch_size=BATCH)
    for entry in prices:
        entry.stockrecord.price = decimal_of(entry.points)
    StockRecord.objects.bulk_update([entry.stockrecord for entry in prices], ["price"], batch_size=BATCH)
    subjects = [
        (
            f"stockrecord:{entry.stockrecord.pk}",
            entry.stockrecord.partner.village,
            {
                "points": entry.points,
                "since": timezone.localdate(now).isoformat(),
                "from": str(before.get(entry.stockrecord.pk)),
            },
        )
        for entry in prices
    ]
    record_audits(actor=actor, action="decide_price", rows=subjects, reason=clean_text(reason), now=now)
    return changes


def _villages(prices: Sequence[Priced]) -> dict[int, Region]:
    return {entry.stockrecord.partner.village_id: entry.stockrecord.partner.village for entry in prices}
