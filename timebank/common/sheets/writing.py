"""Lists as files that open in Chinese and say what was written: no name becomes a formula, no house number a date."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# What a spreadsheet would read as a date, shorten to 1.38E+10 or strip of its noughts, if it stood there bare.
_CHANGED = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?|\d{12,}[Xx]?|0\d+|\d+[eE]\d+|\d{1,2}月\d{1,2}日?|\d{1,2}:\d{2}(:\d{2})?"
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what XML can't carry
Progress = Callable[[int], object]
CSV, XLSX = "csv", "xlsx"


def cell_value(value: Any) -> Any:
    """Return what a cell holds: text for text, numbers and days as they are, instants in local time."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dt.datetime):
        local = timezone.localtime(value) if value.tzinfo is not None else value
        return local.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (int, dt.date, dt.time)) or type(value).__name__ == "Decimal":
        return value
    return str(value)


def safe_cell(value: Any) -> str:
    """Write a value as text of a CSV file.

    What a spreadsheet would run or change gets an apostrophe in front, which our own reader takes off again. Numbers
    and days stay bare: only what was text before can be an attack, or suffer.
    """
    value = cell_value(value)
    if isinstance(value, str):
        if _is_instant(value):
            return value
        return f"'{value}" if value.startswith(_DANGEROUS) or _CHANGED.fullmatch(value.strip()) else value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _is_instant(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([+-]\d\d:\d\d)?", text))


def csv_lines(
    headers: Iterable[Any], rows: Iterable[Iterable[Any]], progress: Progress = lambda done: None
) -> Iterator[str]:
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
        progress(1)


def write_xlsx(
    file: BinaryIO,
    headers: Iterable[Any],
    rows: Iterable[Iterable[Any]],
    *,
    title: str = "",
    progress: Progress = lambda done: None,
) -> None:
    """Write a workbook of one sheet, row by row; text stays text whatever it looks like."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title=re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "Sheet1")
    sheet.freeze_panes = "A2"

    def cell(value: Any, *, bold: bool = False) -> Any:
        value = cell_value(value)
        made = WriteOnlyCell(sheet, value=_FORBIDDEN.sub("", value) if isinstance(value, str) else value)
        if isinstance(value, str):
            made.data_type = "s"  # never a formula
            made.number_format = "@"
        if bold:
            made.font = Font(bold=True)
        return made

    names = [str(header) for header in headers]
    for place, name in enumerate(names):
        sheet.column_dimensions[_letter(place)].width = min(max(2 * len(name) + 2, 12), 40)
    sheet.append([cell(name, bold=True) for name in names])
    for row in rows:
        sheet.append([cell(value) for value in row])
        progress(1)
    book.save(file)


def _letter(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(place + 1)


def csv_response(name: str, headers: Iterable[Any], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """Answer with a CSV file to save; ``name`` is ASCII, without ending."""
    return _private(StreamingHttpResponse(csv_lines(headers, rows), content_type="text/csv; charset=utf-8"), name, CSV)


def xlsx_response(name: str, headers: Iterable[Any], rows: Iterable[Iterable[Any]]) -> HttpResponseBase:
    """Answer with a workbook to save; ``name`` is ASCII, without ending."""
    file = tempfile.SpooledTemporaryFile(max_size=4 << 20)  # noqa: SIM115 - the response closes it
    write_xlsx(file, headers, rows)  # type: ignore[arg-type]
    file.seek(0)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _private(FileResponse(file, content_type=kind), name, XLSX)


def table_response(form: str, name: str, headers: Iterable[Any], rows: Iterable[Iterable[Any]]) -> HttpResponseBase:
    """Answer with a file of the asked form: ``csv`` or ``xlsx``."""
    return xlsx_response(name, headers, rows) if form == XLSX else csv_response(name, headers, rows)


def _private(response: Any, name: str, ending: str) -> Any:
    response["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    response["Cache-Control"] = "private, no-store"
    return response
