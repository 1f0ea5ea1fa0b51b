"""What a reader may see on the shelves, and what it costs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
    prefetch_related_objects,
)
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.catalogue.models import Category, Product, ProductCategory, ProductClass
from marketplace.catalogue.text import fold
from marketplace.partner.models import StockRecord

if TYPE_CHECKING:
    from marketplace.partner.strategy import Points
    from timebank.registry.models import Resident

FEW = 5
LONG_ENOUGH = 4  # letters from which a Latin word is also looked for inside other words


@dataclass(frozen=True)
class Stock:
    """How much there is, in words; ``tone`` and ``icon`` for the badge."""

    code: str
    label: str
    tone: str
    icon: str


@dataclass(frozen=True)
class Card:
    """A reward as a list shows it."""

    product: Product
    info: Any
    stock: Stock

    near: bool = True

    @property
    def partner(self) -> Any:
        return self.info.stockrecord.partner

    @property
    def picture_url(self) -> str:
        """URL of the picture on the shelf that serves the reader."""
        return picture_of(self.product, self.info.stockrecord)

    @property
    def supplier(self) -> str:
        """Name of the supplier; for a visitor of no village with its village."""
        name: str = self.partner.display_name
        return name if self.near else f"{self.partner.village.short_name} · {name}"


def picture_of(product: Product, record: StockRecord | None) -> str:
    """Return the URL of a reward's picture as this shelf shows it. Reads the product's prefetched images."""
    own = record.own_picture_url if record is not None else ""
    return own or product.picture_url


def spendable(resident: Resident | None) -> int | None:
    """Return the points (1/100) that ``resident`` can spend now; None for a visitor."""
    if resident is None:
        return None
    from timebank.ledger import selectors as ledger

    return ledger.balance_of(resident.wallet_key).spendable


def stock_of(info: Any) -> Stock:
    """Say in words how much there is of what ``info`` (PurchaseInfo) prices."""
    availability = info.availability
    if not availability.is_available_to_buy and availability.code != "outofstock":
        return Stock(availability.code, str(availability.message), "quiet", "lock")
    left = getattr(availability, "num_available", None)
    if left is None:
        return Stock("available", _("Available"), "good", "check")
    if left <= 0:
        return Stock("none", availability.message, "quiet", "clock")
    if left <= FEW:
        return Stock("few", availability.message, "warn", "stock")
    return Stock("plenty", _("In stock"), "good", "check")


def matching(queryset: QuerySet[Product], query: str) -> QuerySet[Product]:
    """Filter to rewards found by every word of ``query``: Chinese inside a title, Latin at the start of a word."""
    for term in fold(query).replace("|", " ").split()[:6]:
        where = Q(search_text__contains="|" + term)
        if not term.isascii() or len(term) >= LONG_ENOUGH:
            where |= Q(search_text__contains=term)
        queryset = queryset.filter(where)
    return queryset


def highest_price_for(points: int, percent: int) -> Decimal:
    """Return the highest list price that ``points`` (1/100) pays after ``percent`` off, rounded up to the step."""
    step = settings.POINT_PRICE_STEP
    return Decimal(points // step * step * 100 // (100 - percent)) / 100


def rewards(
    strategy: Points,
    *,
    category: Category | None = None,
    query: str = "",
    affordable_with: int | None = None,
    kind: str = "",
) -> QuerySet[Product]:
    """Select the rewards that suppliers of the reader's village list, services first; ``chosen``: stock record."""
    best = strategy.stockrecords(StockRecord.objects.filter(product=OuterRef("pk")))
    # Whether somebody lists it is asked of every reward; by whom, only of those on the page.
    products = Product.objects.browsable().filter(
        Exists(strategy.listed(StockRecord.objects.filter(product=OuterRef("pk"))))
    )
    if category is not None:
        inside = ProductCategory.objects.filter(category__path__startswith=category.path)
        products = products.filter(pk__in=inside.values("product"))
    if kind:
        products = products.filter(product_class__kind=kind)
    if query:
        products = matching(products, query)
    if affordable_with is not None:
        most = highest_price_for(affordable_with, strategy.percent)
        products = products.annotate(list_price=Subquery(best.values("price")[:1])).filter(list_price__lte=most)
    products = products.annotate(chosen=Subquery(best.values("pk")[:1]))
    if kind:
        return products.order_by("-priority", "upc", "pk")
    services_first = Case(
        When(product_class__kind=ProductClass.Kind.SERVICE, then=0), default=1, output_field=IntegerField()
    )
    return products.order_by(services_first, "-priority", "upc", "pk")


def chosen(rewards: QuerySet[Product]) -> Any:
    """Select the stock records of ``rewards`` (from there), by id: a page of them is what ``cards`` takes."""
    return rewards.values_list("chosen", flat=True)


def cards(strategy: Points, chosen: Sequence[int]) -> list[Card]:
    """Price a page of stock records, in this order, in a fixed number of statements."""
    rows = StockRecord.objects.filter(pk__in=chosen).select_related("partner__village", "product__product_class")
    records = rows.in_bulk()
    products = [record.product for record in records.values()]
    prefetch_related_objects(products, "images")
    result = []
    for pk in chosen:
        record = records.get(pk)
        if record is not None:  # taken off the shelf meanwhile
            info = strategy.fetch_for_product(record.product, record)
            result.append(Card(record.product, info, stock_of(info), near=strategy.reach is not None))
    return result


def shelves(strategy: Points) -> list[Category]:
    """List the top categories that hold something public, each with ``count`` rewards of the reader's village."""
    here = rewards(strategy).order_by().values("pk")
    filled = ProductCategory.objects.filter(product__in=here).values_list("category__path").annotate(Count("product"))
    counts: dict[str, int] = {}
    for path, count in filled.order_by():
        root = path[: Category.steplen]
        counts[root] = counts.get(root, 0) + count
    roots = list(Category.objects.browsable().filter(depth=1).order_by("path"))
    for root in roots:
        root.count = counts.get(root.path, 0)
    return [root for root in roots if root.count]


def shelf_key(strategy: Points, category: Category | None, page: str) -> str:
    """Name all that a page of the shelf depends on, for the cache; whoever has the same sees the same."""
    village = strategy.reach[-1] if strategy.reach else ""
    reader = (village, strategy.resident is not None, strategy.star, strategy.percent)
    facts = (get_language(), *reader, category.pk if category else "", page)
    return "shelf:" + sha256("|".join(map(str, facts)).encode()).hexdigest()


def detail(pk: int) -> Product | None:
    """Return a reward with what its page reads, or None."""
    return (
        Product.objects.browsable()
        .select_related("product_class")
        .prefetch_related("images", "categories")
        .filter(pk=pk)
        .first()
    )


def limits(products: Iterable[Product]) -> dict[int, str]:
    """Say each product's limit in words, by id."""
    return {product.pk: limit_words(product) for product in products if product.per_resident_limit}


def limit_words(product: Product) -> str:
    """Say how many a resident may have: "2 a month"; nothing when there is no limit."""
    if not product.per_resident_limit:
        return ""
    period = product.get_limit_period_display() if product.limit_period else Product.Period.EVER.label
    return _("%(count)d %(period)s") % {"count": product.per_resident_limit, "period": period}
