"""Count many lists in one statement: a page of tiles, of waiting things or a menu asks once, not once for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, QuerySet
from django.http import HttpRequest

from timebank.common import contract


@dataclass(frozen=True)
class Total:
    """What the rows hold in a column, all together, instead of how many there are."""

    rows: QuerySet[Any, Any]
    column: str


def count_all(lists: Mapping[str, QuerySet[Any, Any] | Total]) -> dict[str, int]:
    """Return how many rows each queryset selects (or their total), all in one statement and one snapshot."""
    counted = dict.fromkeys(lists, 0)
    names: list[str] = []
    parts: list[str] = []
    values: list[Any] = []
    for name, wanted in lists.items():
        rows, column = (wanted.rows, wanted.column) if isinstance(wanted, Total) else (wanted, "pk")
        try:
            sql, params = rows.order_by().values(figure=F(column)).query.sql_with_params()
        except EmptyResultSet:  # a list that can hold nothing
            continue
        names.append(name)
        figure = "coalesce(sum(one.figure), 0)" if isinstance(wanted, Total) else "count(*)"
        parts.append(f"(SELECT {figure} FROM ({sql}) one)")  # noqa: S608 (what the querysets compiled to)
        values += params
    if names:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts)}", values)
            counted.update(zip(names, cursor.fetchone(), strict=True))
    return counted


def of_page(request: HttpRequest, name: str) -> int:
    """Return one of the counts that apps declare for every page; the first that is asked for reads them all at once."""
    counted: dict[str, int] | None = request.__dict__.get("_page_counts")
    if counted is None:
        asked = {key: select(request) for key, select in contract.by_name("page_counts").items()}
        counted = count_all({key: rows for key, rows in asked.items() if rows is not None})
        request.__dict__["_page_counts"] = counted
    return counted.get(name, 0)
