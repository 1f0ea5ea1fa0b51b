"""Lists of the desk and the operators: tabs, sort, page size, pages, and the whole list as CSV or XLSX.

A view says what its columns are and gives a queryset (filtered by what was asked); ``Listing`` reads the rest of the
address. What an address asks for that the list has not is left out, never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.functional import cached_property

from timebank.common.input import read_choice, read_int, read_page
from timebank.common.sheets.writing import CSV, XLSX, table_response

SIZES = (50, 100, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``value`` is what a file says; ``sort`` the fields to order by (none: not to be sorted).

    ``shown`` False: only in the file.
    """

    key: str
    label: Any
    value: Callable[[Any], Any]
    sort: tuple[str, ...] = ()
    is_number: bool = False
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head on the page; ``href`` leads to the list sorted by it, ``direction`` says if it is."""

    label: Any
    href: str
    direction: str
    is_number: bool


class Listing:
    """A list as one request asks for it."""

    def __init__(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        name: str,
        columns: Sequence[Column],
        tabs: Iterable[tuple[str, Any]] = (),
        tab: str = "",
    ) -> None:
        self.request = request
        self.name = name
        self.columns = columns
        self._tabs = list(tabs)
        self._tab = tab
        asked = read_choice(
            request.GET.get("sort"), {f"{sign}{c.key}" for c in columns if c.sort for sign in ("", "-")}, ""
        )
        self.sort = asked
        self.rows = self._sorted(rows)

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if not self.sort:
            return rows
        column = next(c for c in self.columns if c.key == self.sort.lstrip("-"))
        sign = "-" if self.sort.startswith("-") else ""
        return rows.order_by(*(f"{sign}{field}" for field in column.sort), "pk")

    @cached_property
    def size(self) -> int:
        """Rows on a page."""
        asked = read_int(self.request.GET.get("size"), default=SIZES[0])
        return asked if asked in SIZES else SIZES[0]

    @cached_property
    def page(self) -> Page[Any]:
        """The asked page; a number out of range gives the nearest."""
        return Paginator(self.rows, self.size).get_page(read_page(self.request.GET.get("page")))

    @property
    def heads(self) -> list[Head]:
        """The heads of the shown columns."""
        return [self._head(column) for column in self.columns if column.shown]

    def _head(self, column: Column) -> Head:
        if not column.sort:
            return Head(column.label, "", "", column.is_number)
        direction = {column.key: "ascending", f"-{column.key}": "descending"}.get(self.sort, "")
        following = f"-{column.key}" if direction == "ascending" else column.key
        return Head(column.label, self._with(sort=following, page=None), direction, column.is_number)

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """The tabs, as the tabs' component shows them."""
        return [
            {"label": label, "href": self._with(which=key, page=None, sort=None), "active": key == self._tab}
            for key, label in self._tabs
        ]

    @property
    def sizes(self) -> list[dict[str, Any]]:
        """The page sizes to choose from; none where one page holds all."""
        if self.page.paginator.count <= SIZES[0]:
            return []
        return [
            {"label": size, "href": self._with(size=size, page=None), "active": size == self.size} for size in SIZES
        ]

    def file(self) -> HttpResponseBase | None:
        """Answer with the whole list as a file where one is asked for."""
        form = read_choice(self.request.GET.get("format"), {CSV, XLSX})
        if not form:
            return None
        rows: Iterable[Any] = self.rows
        if not getattr(self.rows, "_prefetch_related_lookups", ()):
            rows = self.rows.iterator(chunk_size=500)
        lines = ([column.value(row) for column in self.columns] for row in rows)
        return table_response(
            form, f"{self.name}-{timezone.localdate():%Y%m%d}", [c.label for c in self.columns], lines
        )

    def _with(self, **changes: Any) -> str:
        query = self.request.GET.copy()
        for key, value in changes.items():
            query.pop(key, None)
            if value is not None:
                query[key] = str(value)
        return f"?{query.urlencode()}"
