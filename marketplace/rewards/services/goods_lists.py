"""Goods by file: what a list would put on the shelves and price, and doing it. The second time nothing changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.catalogue.models import ProductClass
from marketplace.partner.models import Partner, StockRecord
from marketplace.partner.prices import points_of
from marketplace.rewards.rules import LIST_REWARD, PRICE_REWARD
from marketplace.rewards.services.shelf import decide_price, list_on_shelf, read_barcode
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
    Column("title", ("名称", "品名", "礼品", "title", "name"), required=True, label=gettext_lazy("Name")),
    Column("kind", ("类型", "类别", "kind"), label=gettext_lazy("Kind")),
    Column("unit", ("单位", "unit"), label=gettext_lazy("Unit")),
    Column("barcode", ("条码", "条形码", "barcode", "ean"), label=gettext_lazy("Barcode")),
    Column("points", ("积分", "积分价", "价格", "points", "price"), label=gettext_lazy("Points")),
)
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


def read_goods(file: BinaryIO) -> list[Line]:
    """Read a list of goods; raises ``SheetError`` for what is none. A bad cell spoils its row alone."""
    return [_line(row) for row in open_table(file, COLUMNS, limits=LIMITS)]


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
            title[:255],
            kind,
            clean_text(row.text("unit"))[:20],
            read_barcode(row.digits("barcode")),
            parse_points(points) if clean_text(points) else None,
        )
    except ValueError:
        return Line(row.number, problem=_("The points are not a number like 10 or 7.5."))
    except (CellProblem, DomainError) as problem:
        return Line(row.number, problem=str(problem))


class _Shelf:
    """What stands at the suppliers of a place now, read once."""

    def __init__(self, region: Region) -> None:
        self.partners = {
            partner.name: partner for partner in Partner.objects.filter(village=region).select_related("village")
        }
        self.by_code: dict[tuple[int, str], StockRecord] = {}
        self.by_title: dict[tuple[int, str, str], StockRecord] = {}
        records = StockRecord.objects.filter(partner__village=region).select_related(
            "partner__village", "product__product_class"
        )
        for record in records:
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

    A row that can't be used is named and left out; the others are done. ``dry_run``: nothing is written.
    """
    now = now or timezone.now()
    may_list = registry_rules.can(actor, LIST_REWARD, region)
    may_price = registry_rules.can(actor, PRICE_REWARD, region)
    if not (may_list or may_price):
        registry_rules.require(actor, LIST_REWARD, region)
    report, shelf = GoodsReport(), _Shelf(region)
    for line in lines:
        if line.problem:
            report.refused.append((line.number, line.problem))
            continue
        try:
            with transaction.atomic():
                _do(line, shelf, report, actor, may_list=may_list, may_price=may_price, reason=reason, now=now)
        except DomainError as error:
            report.refused.append((line.number, str(error)))
    if dry_run:
        transaction.set_rollback(True)
    return report


def _do(
    line: Line,
    shelf: _Shelf,
    report: GoodsReport,
    actor: User,
    *,
    may_list: bool,
    may_price: bool,
    reason: str,
    now: dt.datetime,
) -> None:
    partner = shelf.partners.get(line.supplier)
    if partner is None:
        report.refused.append((line.number, _("No supplier of this name is here: %(name)s.") % {"name": line.supplier}))
        return
    record, listed, priced = shelf.find(partner, line), 0, 0
    if record is None:
        if not may_list:
            report.refused.append((line.number, _("Not on the shelf yet: the stock keeper puts it there first.")))
            return
        record = list_on_shelf(
            partner=partner,
            title=line.title,
            kind=line.kind,
            unit=line.unit,
            barcode=line.barcode,
            actor=actor,
            now=now,
        )
        listed = 1
    if line.points is not None and (record.price is None or points_of(record.price) != line.points):
        if may_price:
            decide_price(
                stockrecord=record,
                points=line.points,
                since=timezone.localdate(now),
                reason=reason,
                actor=actor,
                now=now,
            )
            record.refresh_from_db(fields=["price"])
            priced = 1
        else:
            report.unpriced += 1
    shelf.add(record)
    report.listed += listed
    report.priced += priced
    report.unchanged += not (listed or priced)
