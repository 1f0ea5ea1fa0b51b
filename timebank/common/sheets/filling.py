"""A table to fill in: the columns that an importer reads, with rows that it takes as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import Http404, HttpResponseBase

from timebank.common.sheets.reading import Column, heading_of
from timebank.common.sheets.writing import CSV, XLSX, table_response


def table_to_fill_in(
    form: str, name: str, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]
) -> HttpResponseBase:
    """Answer with the columns in the reader's language and the rows, by key; 404 where no such form is written."""
    if form not in {CSV, XLSX}:
        raise Http404
    headers = [heading_of(column) for column in columns]
    return table_response(form, name, headers, [[row.get(column.key, "") for column in columns] for row in rows])
