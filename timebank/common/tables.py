"""Lists as files: CSV that a spreadsheet opens in Chinese and that never turns a name into a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_cell(value: Any) -> str:
    """Write a value as text; a text that a spreadsheet would run as a formula gets an apostrophe in front.

    Numbers stay numbers: only what was text before can be an attack.
    """
    if value is None:
        return ""
    if isinstance(value, (bool, int)):
        return str(value)
    if hasattr(value, "isoformat"):
        if hasattr(value, "tzinfo") and value.tzinfo is not None:
            value = timezone.localtime(value)
            return value.isoformat(sep=" ", timespec="seconds")
        return str(value.isoformat())
    if not isinstance(value, str) and type(value).__name__ == "Decimal":
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def csv_lines(headers: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Give a CSV file line by line, with the mark by which spreadsheets know UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([safe_cell(str(header)) for header in headers])
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([safe_cell(value) for value in row])
        yield buffer.getvalue()


def csv_response(name: str, headers: Iterable[Any], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """Answer with a CSV file to save; ``name`` is ASCII, without ending."""
    response = StreamingHttpResponse(csv_lines(headers, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
