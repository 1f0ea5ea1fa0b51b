"""Rewards and their categories: the only code that writes them."""

from __future__ import annotations

import csv
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import get_language
from PIL import Image, ImageOps

from marketplace.catalogue.models import Category, Product, ProductCategory, ProductClass
from marketplace.catalogue.text import clean_html, search_text
from marketplace.partner import services as partners
from marketplace.partner.models import StockRecord
from marketplace.partner.prices import points_of, whole_steps
from timebank.common.batches import batched
from timebank.common.input import clean_text
from timebank.registry.services import record_audit

if TYPE_CHECKING:
    from marketplace.partner.models import Partner
    from timebank.registry.models import Region, User

DATA = Path(__file__).resolve().parent / "data"
# Time-bank services are counted in hours, never in points.
TIME_ONLY = "小时(时间)"
BATCH = 500  # rows a statement


def index_product(*, product: Product) -> Product:
    """Write the text by which ``product`` is found: titles, categories, suppliers, pinyin."""
    index_products(products=[product])
    return product


def index_products(*, products: Sequence[Product]) -> None:
    """Write the texts by which many products are found, in as many statements for all as for one."""
    ids = [product.pk for product in products]
    suppliers: defaultdict[int, list[str]] = defaultdict(list)
    categories: defaultdict[int, list[str]] = defaultdict(list)
    for part in batched(ids, BATCH):
        rows = StockRecord.objects.filter(product__in=part).order_by().distinct()
        for pk, *names in rows.values_list("product", "partner__name", "partner__name_en"):
            suppliers[pk] += names
        named = ProductCategory.objects.filter(product__in=part).order_by("pk")
        for pk, *names in named.values_list("product", "category__name", "category__name_en"):
            categories[pk] += names
    for product in products:
        texts = [product.title, product.title_en, product.upc or "", *categories[product.pk]]
        product.search_text = search_text(texts, plain=suppliers[product.pk])
    Product.objects.bulk_update(products, ["search_text"], batch_size=BATCH)


@transaction.atomic
def ensure_category(*, path: str, names_en: dict[str, str] | None = None) -> Category:
    """Return the category at ``path`` ("日用品/洗护"), made with those above it where they are missing."""
    parent: Category | None = None
    for name in (clean_text(part) for part in path.split("/")):
        siblings = Category.objects.filter(depth=1 if parent is None else parent.depth + 1, name=name)
        result = (siblings if parent is None else siblings.filter(path__startswith=parent.path)).first()
        if result is None:
            fields = {"name": name, "name_en": (names_en or {}).get(name, "")}
            if parent is None:
                result = Category.objects.add_root(fields)
            else:
                result = Category.objects.add_child(Category.objects.get(pk=parent.pk), fields)
        parent = result
    if parent is None:
        raise ValueError("a category path has at least one name")
    return parent


@transaction.atomic
def save_category(
    *,
    category: Category | None,
    name: str,
    name_en: str = "",
    is_public: bool = True,
    parent: Category | None = None,
    actor: User | None = None,
) -> Category:
    """Change ``category``, or make one called ``name`` below ``parent``."""
    if category is None:
        above = "/".join(ancestor.name for ancestor in _line_of(parent)) if parent else ""
        category = ensure_category(path=f"{above}/{name}" if above else name)
    category.name, category.name_en, category.is_public = name, name_en, is_public
    category.save()
    for product in Product.objects.filter(categories=category):
        index_product(product=product)
    record_audit(actor=actor, action="save_category", subject=f"category:{category.pk}", facts={"name": name})
    return category


def _line_of(category: Category) -> list[Category]:
    ends = range(Category.steplen, len(category.path) + 1, Category.steplen)
    return list(Category.objects.filter(path__in=[category.path[:end] for end in ends]).order_by("path"))


@transaction.atomic
def save_reward(
    *,
    product: Product | None,
    categories: Iterable[Category] = (),
    photograph: IO[bytes] | None = None,
    actor: User | None = None,
    **facts: Any,
) -> Product:
    """Change ``product``, or write down a new one. The description is cleaned, the photograph drawn anew."""
    product = product or Product()
    facts["description"] = clean_html(facts.get("description", ""))
    changed = {name: str(value)[:200] for name, value in facts.items() if getattr(product, name, None) != value}
    for name, value in facts.items():
        setattr(product, name, value)
    product.save()
    product.categories.set(categories)
    if photograph:
        product.images.all().delete()
        product.images.create(original=redraw(photograph, product.pk), display_order=0)
        changed["photograph"] = "new"
    index_product(product=product)
    record_audit(actor=actor, action="save_reward", subject=f"product:{product.pk}", facts=changed)
    return product


def redraw(file: IO[bytes], name: str | int) -> ContentFile[bytes]:
    """Draw an uploaded picture anew: fits the shelf, and nothing but pixels comes through."""
    with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as image:
        drawn = ImageOps.exif_transpose(image).convert("RGB")
    drawn.thumbnail((1200, 900))
    out = BytesIO()
    drawn.save(out, "JPEG", quality=82, optimize=True)
    return ContentFile(out.getvalue(), name=f"{name}-{secrets.token_hex(4)}.jpg")


@dataclass(frozen=True)
class Known:
    """What the project's own list knows of a reward: English name, category, unit, drawing (static path)."""

    title: str
    title_en: str = ""
    category: str = ""
    unit: str = ""
    drawing: str = ""

    @property
    def label(self) -> str:
        """Name in the reader's language, if there is one."""
        return self.title_en if self.title_en and (get_language() or "").startswith("en") else self.title


@lru_cache(maxsize=1)
def known_rewards() -> dict[str, Known]:
    """Return what is known of rewards by their Chinese title."""
    words = {row["sku"]: row["title_en"] for row in _rows("reward_words.csv")}
    known = {}
    for row in _rows("reward_catalogue.csv"):
        picture = f"catalogue/pictures/{row['sku']}.svg"
        drawing = picture if finders.find(picture) else ""
        title, title_en = row["title"], words.get(row["sku"], "")
        known[title] = Known(title, title_en, row["category_path"], row["unit"], drawing)
    return known


def product_class_of(kind: str) -> ProductClass:
    """Return the class of goods or of services, made where it is missing."""
    return _product_classes()[kind]


@dataclass
class Loaded:
    """What a load found or made; ``opening_stock`` is what the list says lies there, for a receipt by the keeper."""

    products: list[Product] = field(default_factory=list)
    partners: list[Partner] = field(default_factory=list)
    stockrecords: list[StockRecord] = field(default_factory=list)
    opening_stock: list[tuple[StockRecord, int]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    created: int = 0


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _product_classes() -> dict[str, ProductClass]:
    classes = {}
    for kind, name in ((ProductClass.Kind.GOODS, "实物"), (ProductClass.Kind.SERVICE, "服务")):
        classes[kind.value] = ProductClass.objects.get_or_create(
            slug=f"shanji-{kind.value}",
            defaults={
                "name": name,
                "kind": kind,
                "requires_shipping": False,
                "track_stock": kind == ProductClass.Kind.GOODS,
            },
        )[0]
    return classes


@transaction.atomic
def load_catalogue(*, villages: Iterable[Region], yuan_a_point: Mapping[int, int] | None = None) -> Loaded:
    """List the rewards of ``data/reward_catalogue.csv`` in ``villages`` at the suppliers that the list names.

    Suppliers are made by name, one in each village. What stands already is left as it is, so a second run changes
    nothing. Goods begin with none in stock. The list is in points of one yuan; ``yuan_a_point`` says for which village
    (by id) a point is worth more, and its prices are so much lower, in whole price steps.

    Left out, since points do not buy them: benefits (``B…``), which a star level opens without spending, and the
    time-bank services ``S009``–``S011``, which are counted in hours.
    """
    words = {row["sku"]: row for row in _rows("reward_words.csv")}
    suppliers = {row["name"]: row for row in _rows("suppliers.csv")}
    names_en = {row["name"]: row["name_en"] for row in _rows("category_words.csv")}
    classes = _product_classes()
    loaded, rows = Loaded(), []
    for row in _rows("reward_catalogue.csv"):
        if row["kind"] not in classes or row["unit"] == TIME_ONLY or Decimal(row["points"]) <= 0:
            loaded.left_out.append(row["sku"])
            continue
        extra = words.get(row["sku"], {})
        picture = f"catalogue/pictures/{row['sku']}.svg"
        product, created = Product.objects.get_or_create(
            upc=row["sku"],
            defaults={
                "title": row["title"],
                "title_en": extra.get("title_en", ""),
                "product_class": classes[row["kind"]],
                "unit": row["unit"],
                "price_note": row["price_basis"],
                "picture": picture if finders.find(picture) else "",
                "per_resident_limit": int(extra["per_resident_limit"]) if extra.get("per_resident_limit") else None,
                "limit_period": extra.get("limit_period") or Product.Period.MONTH,
            },
        )
        if created:
            product.categories.add(ensure_category(path=row["category_path"], names_en=names_en))
            loaded.created += 1
        loaded.products.append(product)
        rows.append((row, product))
    for village in villages:
        here: dict[str, Partner] = {}
        worth = (yuan_a_point or {}).get(village.pk, 1)
        for row, product in rows:
            name = row["supplier"]
            if name not in here:
                facts = suppliers[name]
                here[name] = partners.create_partner(
                    name=name,
                    village=village,
                    kind=facts["kind"],
                    name_en=facts["name_en"],
                    place=f"{village.short_name}{facts['place']}",
                    opening_hours=facts["opening_hours"],
                )
            record = partners.list_reward(
                product=product,
                partner=here[name],
                points=whole_steps(points_of(row["points"]), worth),
                sku=row["sku"],
            )
            loaded.stockrecords.append(record)
            if row["stock"]:
                loaded.opening_stock.append((record, int(row["stock"])))
        loaded.partners.extend(here.values())
    for product in loaded.products:
        index_product(product=product)
    return loaded
