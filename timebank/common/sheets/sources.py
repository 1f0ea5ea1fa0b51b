"""The two kinds of file, read row by row and within bounds: CSV in the encodings of Chinese offices, and XLSX."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import ParseError  # the exception only

from django.utils.translation import gettext as _

from timebank.common.sheets.cells import BLANK, CALENDAR_1900, CALENDAR_1904, Calendar, Cell, fold
from timebank.common.sheets.errors import SheetError

CHUNK = 1 << 20
SNIFF_ROWS = 40
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DELIMITERS = (",", "\t", ";", "，", "|")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']")
_NOUGHTS = re.compile(r"0+")


@dataclass(frozen=True)
class Limits:
    """What a file may weigh; everything above is refused before it is read."""

    bytes: int = 20 << 20
    rows: int = 50_000
    columns: int = 100
    cell: int = 2_000  # characters
    unpacked: int = 200 << 20  # of an XLSX
    merged: int = 50_000


class RawRow(NamedTuple):
    """One row as it stands: its number counted from the file's first line, and its cells."""

    number: int
    cells: list[Cell]
    blank: bool


class Source:
    """A file opened as a table. ``rows`` can be asked for again and begins anew each time."""

    calendar: Calendar | None = None
    trims_rows = False  # a row ends with its last cell that holds something
    notes: list[str]

    def rows(self) -> Iterator[RawRow]:
        raise NotImplementedError


def size_of(file: BinaryIO) -> int:
    """Return a file's size in bytes."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    return end


def open_source(file: BinaryIO, limits: Limits) -> list[Source]:
    """Recognise a file by its first bytes; return the ways to read it, the likeliest first. Raises ``SheetError``."""
    size = size_of(file)
    if size == 0:
        raise SheetError(_("The file is empty."), code="empty")
    if size > limits.bytes:
        raise SheetError(
            _("The file has %(size)s MB; at most %(most)s MB are read.")
            % {"size": -(-size // (1 << 20)), "most": limits.bytes >> 20},
            code="too_large",
        )
    start = file.read(2048)
    file.seek(0)
    if start.startswith(b"PK"):
        return [*xlsx_sources(file, limits)]
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(
            _("This is an old .xls file, or one with a password. Save it as .xlsx without a password."), code="old_xls"
        )
    if start.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"\x1f\x8b", b"Rar!", b"7z")):
        raise SheetError(_("This is not a table. Save it as .xlsx or .csv."), code="not_a_table")
    if re.match(rb"\s*(<!doctype|<html|<\?xml|<table)", start.lower().removeprefix(codecs.BOM_UTF8)):
        raise SheetError(_("This is a web page with the ending of a table. Save it as .xlsx."), code="not_a_table")
    encoding = encoding_of(file, start)
    return [CsvSource(file, encoding, delimiter, limits) for delimiter in DELIMITERS]


# -- CSV ---------------------------------------------------------------------------------------------------------------
def encoding_of(file: BinaryIO, start: bytes) -> str:
    """Return in which encoding the whole file can be read, or name the line that can't."""
    for mark, name in MARKS:
        if start.startswith(mark):
            candidates = [name]
            break
    else:
        noughts = start.count(0)
        if noughts > len(start) // 8:  # UTF-16 without its mark: every second byte of plain characters is zero
            candidates = ["utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"]
        else:
            candidates = ["utf-8", "gb18030"]
    line = 0
    for name in candidates:
        unreadable = _first_unreadable_line(file, name)
        if not unreadable:
            return name
        line = max(line, unreadable)  # the encoding that got further is the likelier one
    raise SheetError(
        _("Row %(row)s can't be read in any encoding that offices use. Save the file as UTF-8 or as .xlsx.")
        % {"row": line},
        code="encoding",
        row=line,
    )


def _first_unreadable_line(file: BinaryIO, encoding: str) -> int:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        while chunk := file.read(CHUNK):
            line += decoder.decode(chunk).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        bad: bytes = error.object[: error.start]
        wide = encoding.startswith("utf-16")
        return line + (bad.count(b"\n\0") + bad.count(b"\0\n") if wide else bad.count(b"\n"))
    return 0


class CsvSource(Source):
    """A text file with one delimiter."""

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str, limits: Limits) -> None:
        self.file, self.encoding, self.delimiter, self.limits = file, encoding, delimiter, limits
        self.notes = []

    def rows(self) -> Iterator[RawRow]:
        """Give the rows; a row is numbered by the line on which it begins."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, newline="")
        try:
            yield from self._rows(text)
        finally:
            text.detach()

    def _rows(self, text: io.TextIOWrapper) -> Iterator[RawRow]:
        reader = csv.reader(self._lines(text), delimiter=self.delimiter, strict=True)
        count = 0
        while True:
            number = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise _never_closed(number, self.limits) from None
            if number == 1 and len(fields) <= 2 and fold("".join(fields)).lower().startswith("sep="):
                yield RawRow(number, [], blank=True)  # a line for Excel only
                continue
            count += 1
            _check_bounds(count, len(fields), number, self.limits)
            if any(len(field) > self.limits.cell for field in fields):
                raise _never_closed(number, self.limits)
            cells = [Cell(field, "text") for field in fields]
            yield RawRow(number, cells, blank=all(cell.is_blank for cell in cells))

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        most = self.limits.cell * self.limits.columns
        number = 0
        while line := text.readline(most + 1):
            number += 1
            if len(line) > most:
                raise _never_closed(number, self.limits)
            yield line.replace("\0", "")


def _check_bounds(count: int, columns: int, number: int, limits: Limits) -> None:
    if count > limits.rows:
        raise SheetError(
            _("The file has more than %(most)s rows. Divide it into several files.") % {"most": f"{limits.rows:,}"},
            code="too_many_rows",
            row=number,
        )
    if columns > limits.columns:
        raise SheetError(
            _("Row %(row)s has more than %(most)s columns.") % {"row": number, "most": limits.columns},
            code="too_many_columns",
            row=number,
        )


def _never_closed(number: int, limits: Limits) -> SheetError:
    return SheetError(
        _("Row %(row)s is broken: a quotation mark is never closed, or a text has more than %(most)s characters.")
        % {"row": number, "most": f"{limits.cell:,}"},
        code="broken_row",
        row=number,
    )


# -- XLSX --------------------------------------------------------------------------------------------------------------
_BROKEN = (KeyError, IndexError, ValueError, TypeError, AttributeError, OSError, EOFError, ParseError, OverflowError)


def _broken_workbook(error: Exception) -> SheetError:
    return SheetError(
        _("This workbook is damaged. Open it in the spreadsheet and save it again as .xlsx."),
        code="broken_workbook",
        cause=type(error).__name__,
    )


def xlsx_sources(file: BinaryIO, limits: Limits) -> list[XlsxSource]:
    """Open a workbook; one source for each sheet, the visible ones first. Never more is unpacked than allowed."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if sum(part.file_size for part in parts) > limits.unpacked or len(parts) > 2_000:
                raise SheetError(
                    _("Unpacked, this workbook has more than %(most)s MB.") % {"most": limits.unpacked >> 20},
                    code="too_large",
                )
            if "xl/workbook.xml" not in {part.filename.lower() for part in parts}:
                raise SheetError(_("This is not a table. Save it as .xlsx or .csv."), code="not_a_table")
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(file, read_only=True, keep_links=False)
    except SheetError:
        raise
    except (*_BROKEN, zipfile.BadZipFile, NotImplementedError, RuntimeError, InvalidFileException) as error:
        raise _broken_workbook(error) from None
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or list(book.worksheets)
    if not sheets:
        raise SheetError(_("The file is empty."), code="empty")
    calendar = CALENDAR_1904 if book.epoch.year == 1904 else CALENDAR_1900
    return [XlsxSource(sheet, calendar, limits) for sheet in sheets]


class XlsxSource(Source):
    """One sheet of a workbook."""

    trims_rows = True

    def __init__(self, sheet: Any, calendar: Calendar, limits: Limits) -> None:
        self.sheet, self.limits = sheet, limits
        self.calendar = calendar
        self.title = str(sheet.title)
        self.notes = []

    def rows(self) -> Iterator[RawRow]:
        """Give the rows with merged ranges carried down, so that a household's number stands in all its rows."""
        try:
            downwards = self._merged_downwards()
            self.sheet.reset_dimensions()
            rows = self.sheet.iter_rows(max_col=self.limits.columns)
            yield from self._with_merged(rows, downwards)
        except SheetError:
            raise
        except (*_BROKEN, zipfile.BadZipFile) as error:
            raise _broken_workbook(error) from None

    def _with_merged(self, rows: Any, downwards: dict[int, list[tuple[int, int]]]) -> Iterator[RawRow]:
        number = count = 0
        carried: dict[int, tuple[int, Cell]] = {}  # column → last row, cell
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                batch = list(islice(rows, 500))
            if not batch:
                return
            for row in batch:
                number += 1
                cells = [_cell(source, self.limits, number) for source in row]
                while cells and cells[-1].is_blank:
                    cells.pop()
                blank = all(cell.is_blank for cell in cells)
                if not blank:
                    count += 1
                    _check_bounds(count, len(cells), number, self.limits)
                elif number > 1_100_000:
                    return
                for column, last in downwards.get(number, ()):
                    carried[column] = (last, cells[column] if column < len(cells) else BLANK)
                for column, (last, cell) in list(carried.items()):
                    if number > last:
                        del carried[column]
                    elif not blank and not cell.is_blank:
                        cells.extend([BLANK] * (column + 1 - len(cells)))
                        if cells[column].is_blank:
                            cells[column] = cell._replace(merged=True)
                yield RawRow(number, cells, blank)

    def _merged_downwards(self) -> dict[int, list[tuple[int, int]]]:
        """Find merged ranges of several rows: first row → (column counted from 0, last row)."""
        from openpyxl.utils import column_index_from_string

        ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
        count = 0
        with self.sheet._get_source() as source:  # openpyxl reads no merged ranges in its streaming mode
            rest = b""
            while chunk := source.read(CHUNK):
                text = rest + chunk
                for match in _MERGED.finditer(text):
                    count += 1
                    if count > self.limits.merged:
                        raise SheetError(_("This sheet has too many merged cells."), code="too_many_merged")
                    first, last = int(match[2]), int(match[4])
                    if last > first:
                        ranges[first].append((column_index_from_string(match[1].decode()) - 1, last))
                cut = max(text.rfind(b"<"), 0)
                rest = text[cut:] if len(text) - cut < 4096 else b""
        return ranges


def _cell(source: Any, limits: Limits, number: int) -> Cell:
    value, data_type = source.value, source.data_type
    if value is None:
        return BLANK
    if data_type == "f":
        return Cell("=", "formula")
    if data_type == "e":
        return Cell(str(value)[:40], "error")
    if isinstance(value, bool):
        return Cell(str(value).upper(), "text")
    if isinstance(value, dt.datetime):
        return Cell(value.date(), "date")
    if isinstance(value, dt.date):
        return Cell(value, "date")
    if isinstance(value, (dt.time, dt.timedelta)):
        return Cell(str(value), "date")
    if isinstance(value, (int, float)):
        return _number(value, str(source.number_format or ""))
    text = str(value)
    if len(text) > limits.cell:
        raise _never_closed(number, limits)
    return Cell(text, "text")


def _number(value: float, shown_as: str) -> Cell:
    if value != value or value in {float("inf"), float("-inf")}:
        return Cell(str(value), "error")
    # 007 is kept as 7 with the format 000: what is seen is what was meant.
    if _NOUGHTS.fullmatch(shown_as) and float(value).is_integer() and 0 <= value < 10 ** (len(shown_as) - 1):
        return Cell(str(int(value)).zfill(len(shown_as)), "text")
    return Cell(value, "number")
