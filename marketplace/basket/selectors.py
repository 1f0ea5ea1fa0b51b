"""What lies in a basket, by supplier, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from marketplace.basket.models import Basket, Line
from marketplace.catalogue import selectors as catalogue
from timebank.common import counts
from timebank.registry.selectors import on_behalf_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    from marketplace.partner.models import Partner
    from timebank.registry.models import Resident

ACTED = "baskets"  # the session's key: for each person acted for, their basket


@dataclass(frozen=True)
class Row:
    """One line as the page shows it; points in 1/100."""

    line: Line
    info: Any
    stock: catalogue.Stock
    points: int | None
    limit: str
    problem: str

    @property
    def product(self) -> Any:
        return self.line.product

    @property
    def picture_url(self) -> str:
        """URL of its picture on the shelf that it comes from."""
        return catalogue.picture_of(self.line.product, self.line.stockrecord)

    @property
    def total(self) -> int:
        return (self.points or 0) * self.line.quantity


@dataclass
class Group:
    """The lines of one supplier: one order, one place to collect."""

    partner: Partner
    rows: list[Row] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(row.total for row in self.rows)


@dataclass(frozen=True)
class Summary:
    """A basket: groups by supplier, total, and what the resident has and keeps (1/100 points; None for a visitor)."""

    groups: list[Group]
    has: int | None

    @property
    def rows(self) -> list[Row]:
        return [row for group in self.groups for row in group.rows]

    @property
    def total(self) -> int:
        return sum(group.total for group in self.groups)

    @property
    def count(self) -> int:
        return sum(row.line.quantity for row in self.rows)

    @property
    def after(self) -> int | None:
        return None if self.has is None else self.has - self.total

    @property
    def missing(self) -> int:
        return 0 if self.after is None else max(0, -self.after)

    @property
    def can_redeem(self) -> bool:
        """Whether the confirm page would let it through as things stand."""
        return bool(self.rows) and self.has is not None and not self.missing and not any(r.problem for r in self.rows)


def summary_of(basket: Basket) -> Summary:
    """Return the basket priced by its strategy, grouped by supplier in the order of their ids."""
    groups: dict[int, Group] = {}
    for line in basket.all_lines():
        info = basket.strategy.fetch_for_line(line)
        permitted, reason = info.availability.is_purchase_permitted(line.quantity)
        partner = line.stockrecord.partner
        row = Row(
            line=line,
            info=info,
            stock=catalogue.stock_of(info),
            points=info.price.points if info.price.exists else None,
            limit=catalogue.limit_words(line.product),
            problem="" if permitted else str(reason),
        )
        groups.setdefault(partner.pk, Group(partner)).rows.append(row)
    ordered = [groups[key] for key in sorted(groups)]
    return Summary(groups=ordered, has=catalogue.spendable(basket.strategy.resident))


def count_of(request: HttpRequest) -> int:
    """Return how many things lie in the reader's basket, for the mark in the menu."""
    return counts.of_page(request, "basket")


def to_count(request: HttpRequest) -> counts.Total | None:
    """Say what lies in the reader's basket, to be counted with the rest of the page."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    return counts.Total(lines_of(request), "quantity")


def acted_basket(request: HttpRequest, person: Resident) -> Basket | None:
    """Return the open basket of a person whom this session acts for, if there is one; it has no owner of its own."""
    kept = request.session.get(ACTED, {}).get(str(person.pk))
    return Basket.objects.filter(pk=kept, owner=None, status=Basket.OPEN).first() if kept else None


def lines_of(request: HttpRequest) -> QuerySet[Line]:
    """Select the lines of the basket that is open for the reader, or for whom they act; makes none."""
    person = on_behalf_of(request)
    if person is None:
        return Line.objects.filter(basket__owner=request.user, basket__status=Basket.OPEN)
    return Line.objects.filter(basket=acted_basket(request, person))
