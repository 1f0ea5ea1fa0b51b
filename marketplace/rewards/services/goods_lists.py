"""Goods by file: what a list would put on the shelves and price, and doing it. The second time nothing changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.catalogue.models import ProductClass
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import points_of
from marketplace.rewards import errors
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from marketplace.rewards.services.listing import (
    TITLE_LENGTH,
    UNIT_LENGTH,
    Item,
    Priced,
    Wanted,
    list_many,
    price_many,
    price_problem,
    rights_among,
)
from marketplace.rewards.services.shelf import read_barcode
from timebank.common.errors import DomainError
from timebank.common.input import clean_text
from timebank.common.numbers import parse_points
from timebank.common.sheets.errors import CellProblem
from timebank.common.sheets.reading import Column, Row, open_table
from timebank.common.sheets.sources import Limits
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, User

LIMITS = Limits(rows=5000)
COLUMNS = (
    Column("supplier", ("商户", "供应商", "supplier"), required=True, label=gettext_lazy("Supplier")),
    Column("title", ("名称", "品名", "礼品", "title", "name"), required=True, label=pgettext_lazy("thing", "Name")),
    Column("kind", ("类型", "类别", "kind"), label=gettext_lazy("Kind")),
    Column("unit", ("单位", "unit"), label=gettext_lazy("Unit")),
    Column("barcode", ("条码", "条形码", "barcode", "ean"), label=gettext_lazy("Barcode")),
    Column("points", ("积分", "积分价", "价格", "points", "price"), label=gettext_lazy("Points")),
)
#: The invented thing of the table to fill in. No barcode: the same barcode is the same thing wherever it stands.
EXAMPLE = {
    "supplier": gettext_lazy("Example shop"),
    "title": gettext_lazy("Example towel"),
    "kind": pgettext_lazy("kind in a list of goods", "goods"),
    "unit": pgettext_lazy("unit in a list of goods", "piece"),
    "points": "10",
}
KINDS = {
    "": "goods",
    "实物": "goods",
    "商品": "goods",
    "goods": "goods",
    "服务": "service",
    "service": "service",
}


@dataclass(frozen=True)
class Line:
    """One row of the file, read; ``problem`` says why it can't be used."""

    number: int
    supplier: str = ""
    title: str = ""
    kind: str = "goods"
    unit: str = ""
    barcode: str = ""
    points: int | None = None
    problem: str = ""


@dataclass
class GoodsReport:
    """What a list did, or would do."""

    listed: int = 0
    priced: int = 0
    unchanged: int = 0
    unpriced: int = 0  # rows whose price is left to the village's admin
    refused: list[tuple[int, str]] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return self.listed + self.priced

    def plus(self, part: GoodsReport) -> GoodsReport:
        """Return what this and a further part did together."""
        return GoodsReport(
            self.listed + part.listed,
            self.priced + part.priced,
            self.unchanged + part.unchanged,
            self.unpriced + part.unpriced,
            self.refused + part.refused,
        )


def read_goods(file: BinaryIO, progress: Callable[[int], object] = lambda _rows: None) -> list[Line]:
    """Read a list of goods; raises ``SheetError`` for what is none. A bad cell spoils its row alone."""
    lines = []
    for row in open_table(file, COLUMNS, limits=LIMITS):
        lines.append(_line(row))
        progress(1)
    return lines


def example_of_goods(region: Region) -> dict[str, str]:
    """Return the row of the table to fill in, in the reader's language; its supplier is one who is here."""
    row = {key: str(value) for key, value in EXAMPLE.items()}
    supplier = Partner.objects.filter(village=region, is_active=True).order_by("name", "pk").first()
    return {**row, "supplier": supplier.name} if supplier else row


def without_doubles(lines: Iterable[Line]) -> list[Line]:
    """Return the rows of a list; each that says what an earlier one says is refused, and names that one."""
    seen: dict[tuple[Any, ...], int] = {}
    kept = []
    for line in lines:
        first = line.number
        if not line.problem:
            first = seen.setdefault((line.supplier, line.barcode or (line.title, line.kind)), line.number)
        if first != line.number:
            line = replace(line, problem=_("The same thing stands in row %(row)s.") % {"row": first})
        kept.append(line)
    return kept


def _line(row: Row) -> Line:
    try:
        supplier, title = clean_text(row.text("supplier")), clean_text(row.text("title"))
        if not supplier or not title:
            return Line(row.number, supplier, title, problem=_("Supplier and name are needed."))
        kind = KINDS.get(clean_text(row.text("kind")).lower())
        if kind is None:
            return Line(row.number, supplier, title, problem=_("The kind is goods (实物) or service (服务)."))
        points = row.text("points") if row.reaches("points") else ""
        return Line(
            row.number,
            supplier,
            _within(row, "title", TITLE_LENGTH),
            kind,
            _within(row, "unit", UNIT_LENGTH),
            read_barcode(row.digits("barcode")),
            parse_points(points) if clean_text(points) else None,
        )
    except ValueError:
        return Line(row.number, problem=_("The points are not a number like 10 or 7.5."))
    except (CellProblem, DomainError) as problem:
        return Line(row.number, problem=str(problem))


def _within(row: Row, key: str, most: int) -> str:
    """Return a text of at most so many characters; raises ``CellProblem`` naming the column for a longer one."""
    text = clean_text(row.text(key))
    if len(text) > most:
        column = row.headings.get(key, key)
        said = _("Column “%(column)s”: at most %(most)s characters, this has %(count)s.")
        raise CellProblem(said % {"column": column, "most": most, "count": len(text)}, field=key)
    return text


class _Shelf:
    """What stands at the suppliers of a place now, read once."""

    def __init__(self, region: Region) -> None:
        self.partners = {
            partner.name: partner for partner in Partner.objects.filter(village=region).select_related("village")
        }
        self.by_code: dict[tuple[int, str], StockRecord] = {}
        self.by_title: dict[tuple[int, str, str], StockRecord] = {}
        self.records = list(
            StockRecord.objects.filter(partner__village=region).select_related(
                "partner__village", "product__product_class"
            )
        )
        for record in self.records:
            self.add(record)

    def add(self, record: StockRecord) -> None:
        product: Any = record.product
        if product.upc:
            self.by_code[record.partner_id, product.upc] = record
        kind = str(ProductClass.Kind(product.get_product_class().kind))
        self.by_title[record.partner_id, product.title, kind] = record

    def find(self, partner: Partner, line: Line) -> StockRecord | None:
        if line.barcode:
            return self.by_code.get((partner.pk, line.barcode))
        return self.by_title.get((partner.pk, line.title, line.kind))


def prices_in(*, region: Region, lines: Iterable[Line]) -> tuple[dict[int, int], list[tuple[int, str]]]:
    """Return the prices (1/100 point) that a list would give to what stands on the shelves, by stock record, and what
    of it can't be used. Nothing is written."""
    shelf = _Shelf(region)
    prices: dict[int, int] = {}
    refused: list[tuple[int, str]] = []
    for line in lines:
        partner = shelf.partners.get(line.supplier)
        record = None if partner is None or line.problem else shelf.find(partner, line)
        if line.problem:
            refused.append((line.number, line.problem))
        elif record is None:
            refused.append((line.number, _("This is not on a shelf here.")))
        elif line.points is not None:
            prices[record.pk] = line.points
    return prices, refused


@transaction.atomic
def import_goods(
    *,
    region: Region,
    lines: Iterable[Line],
    reason: str,
    actor: User,
    dry_run: bool = False,
    now: dt.datetime | None = None,
) -> GoodsReport:
    """Put the rows on the shelves of a place's suppliers, and price them, as far as the actor may do either.

    A row that can't be used is named and left out; the others are done, all at once. ``dry_run``: nothing is written.
    """
    now = now or timezone.now()
    may_list = registry_rules.can(actor, LIST_REWARD, region)
    may_price = registry_rules.can(actor, PRICE_REWARD, region)
    if not (may_list or may_price):
        registry_rules.require(actor, LIST_REWARD, region)
    plan = _plan(region, lines, may_list=may_list, may_price=may_price, has_reason=bool(clean_text(reason)), now=now)
    if not dry_run:
        made = list_many(wanted=[wanted for wanted, _points in plan.new], actor=actor, now=now) if plan.new else []
        fresh = [(record, points) for record, (_w, points) in zip(made, plan.new, strict=True) if record is not None]
        prices = plan.prices + [Priced(record, points) for record, points in fresh if points is not None]
        if prices:
            price_many(prices=prices, reason=reason, actor=actor, now=now)
    return plan.report


@dataclass
class _Plan:
    """What a list would do: put on shelves (with a price, perhaps), and price what stands there."""

    report: GoodsReport = field(default_factory=GoodsReport)
    new: list[tuple[Wanted, int | None]] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)


def _plan(
    region: Region, lines: Iterable[Line], *, may_list: bool, may_price: bool, has_reason: bool, now: dt.datetime
) -> _Plan:
    """Decide row by row, without a statement for any."""
    plan, shelf = _Plan(), _Shelf(region)
    rights = rights_among([record.product_id for record in shelf.records], timezone.localdate(now))
    for line in without_doubles(lines):
        problem, partner = line.problem, shelf.partners.get(line.supplier)
        if not problem and partner is None:
            problem = _("No supplier of this name is here: %(name)s.") % {"name": line.supplier}
        if problem or partner is None:
            plan.report.refused.append((line.number, problem))
            continue
        record = shelf.find(partner, line)
        if record is None and not may_list:
            problem = _("Not on the shelf yet: the stock keeper puts it there first.")
        is_new_price = line.points is not None and (
            record is None or record.price is None or points_of(record.price) != line.points
        )
        if is_new_price and may_price and not problem:
            problem = price_problem(line.points or 0)
            if not has_reason:
                problem = problem or str(errors.PriceReasonMissing())
            if line.points and record is not None and record.product_id in rights:
                problem = problem or str(errors.PriceOfARight())
        if problem:
            plan.report.refused.append((line.number, problem))
            continue
        priced = line.points if is_new_price and may_price else None
        if record is None:
            item = Item(title=line.title, kind=line.kind, unit=line.unit, barcode=line.barcode)
            plan.new.append((Wanted(partner, item), priced))
        elif priced is not None:
            plan.prices.append(Priced(record, priced))
        plan.report.listed += record is None
        plan.report.priced += priced is not None
        plan.report.unpriced += is_new_price and priced is None
        plan.report.unchanged += record is not None and priced is None
    return plan
