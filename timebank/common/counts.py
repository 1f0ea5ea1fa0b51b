"""Count many lists in one statement: a page of tiles or of waiting things asks once, not once for each."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def count_all(lists: dict[str, QuerySet[Any, Any]]) -> dict[str, int]:
    """Return how many rows each queryset selects, all in one statement and one snapshot."""
    counted = dict.fromkeys(lists, 0)
    names: list[str] = []
    parts: list[str] = []
    values: list[Any] = []
    for name, rows in lists.items():
        try:
            sql, params = rows.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:  # a list that can hold nothing
            continue
        names.append(name)
        parts.append(f"(SELECT count(*) FROM ({sql}) one)")  # noqa: S608 (what the querysets compiled to)
        values += params
    if names:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts)}", values)
            counted.update(zip(names, cursor.fetchone(), strict=True))
    return counted
