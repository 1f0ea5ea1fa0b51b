"""Finding the table in a file: its header below titles, its columns by any of their names, its rows but for totals.

table = open_table(file, COLUMNS)
for row in table:            # a stream; ask again and it begins anew
    row.number, row.text("name"), row.date("birth_date")
table.skipped                # what was passed over, and why
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from timebank.common.sheets import cells
from timebank.common.sheets.cells import BLANK, Calendar, Cell, fold
from timebank.common.sheets.errors import CellProblem, SheetError
from timebank.common.sheets.sources import SNIFF_ROWS, CsvSource, Limits, RawRow, Source, XlsxSource, open_source

_BRACKETS = re.compile(r"[(（\[【〔<《].*?[)）\]】〕>》]")
_NOISE = re.compile(r"[\s*:：_\-—·.、,，/\\\"'“”‘’]+")
_TOTAL = re.compile(
    r"(本页|全村|全镇|本组|人数|户数)?(合|总|小|共|累)计.*|共?\d+[人户口].*|总[人户]?数.*|total|sum|subtotal", re.I
)
_FOOTER = re.compile(
    r"(填表|制表|审核|审批|负责|经办|登记|填报|统计|联系|报送|单位|村)?(人|日期|时间|单位|负责人|盖章|说明|备注|注)[(（]?(签字|签名|盖章|公章)?[)）]?[:：].*"
)
SKIPPED_TITLE = "title"
SKIPPED_BLANK = "blank"
SKIPPED_TOTAL = "total"
SKIPPED_HEADER = "header"
SKIPPED_FOOTER = "footer"


class Column(NamedTuple):
    """A column that a table may have: its key, what files call it, whether a file without it is no such table."""

    key: str
    names: Sequence[str]
    required: bool = False
    label: str | Promise = ""


class Skipped(NamedTuple):
    """A row that is no row of the table."""

    row: int
    kind: str  # SKIPPED_…
    text: str


@dataclass(slots=True)
class Row:
    """One row of the table; a cell that can't be meant raises ``CellProblem`` with the file's own column name."""

    number: int
    cells: dict[str, Cell]
    calendar: Calendar | None
    headings: dict[str, str]
    all: list[Cell]  # every cell of the row, read or not
    surplus: bool = False

    def cell(self, key: str) -> Cell:
        return self.cells.get(key, BLANK)

    def reaches(self, key: str) -> bool:
        """Say whether the row goes as far as this column, or the file has it not at all."""
        return key in self.cells or key not in self.headings

    def text(self, key: str) -> str:
        """Return free text."""
        return self._read(key, cells.as_text)

    def digits(self, key: str) -> str:
        """Return a number that is a name: a phone, a code, an ID number."""
        return self._read(key, cells.as_digits)

    def date(self, key: str) -> dt.date | None:
        """Return a day."""
        try:
            return cells.as_date(self.cell(key), self.calendar)
        except CellProblem as problem:
            raise self._named(key, problem) from None

    def raw(self, key: str) -> str:
        """Return what stands there, as it stands."""
        return cells.raw_text(self.cell(key))

    @property
    def line(self) -> list[str]:
        """Return the whole row as it stands."""
        return [cells.raw_text(cell) for cell in self.all]

    def _read(self, key: str, how: object) -> str:
        try:
            return how(self.cell(key))  # type: ignore[operator]
        except CellProblem as problem:
            raise self._named(key, problem) from None

    def _named(self, key: str, problem: CellProblem) -> CellProblem:
        problem.field = key
        problem.params["column"] = self.headings.get(key, key)
        return problem


@dataclass
class Table:
    """A file whose header was found. Iterating streams its rows."""

    source: Source
    columns: Sequence[Column]
    header_row: int
    places: dict[str, int]  # key → column counted from 0
    headings: dict[str, str]  # key → what the file calls it
    header: list[str]  # the whole header row
    unread: list[str] = field(default_factory=list)  # headings that mean nothing here
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def calendar(self) -> Calendar | None:
        return self.source.calendar

    def __iter__(self) -> Iterator[Row]:
        self.skipped.clear()
        width = len(self.header)
        for raw in self.source.rows():
            kind = self._why_skipped(raw)
            if kind:
                self.skipped.append(Skipped(raw.number, kind, _first_text(raw)))
                continue
            if raw.number <= self.header_row:
                continue
            yield Row(
                raw.number,
                {
                    key: raw.cells[place] if place < len(raw.cells) else BLANK
                    for key, place in self.places.items()
                    if place < len(raw.cells) or self.source.trims_rows
                },
                self.calendar,
                self.headings,
                raw.cells,
                surplus=any(not cell.is_blank for cell in raw.cells[width:]),
            )

    def _why_skipped(self, raw: RawRow) -> str:
        if raw.number < self.header_row:
            return SKIPPED_BLANK if raw.blank else SKIPPED_TITLE
        if raw.number == self.header_row:
            return ""
        if raw.blank:
            return SKIPPED_BLANK
        filled = [cell for cell in raw.cells if not cell.is_blank and not cell.merged]
        mapped = [
            raw.cells[place]
            for place in self.places.values()
            if place < len(raw.cells) and not raw.cells[place].is_blank and not raw.cells[place].merged
        ]
        first = fold(cells.raw_text(filled[0])) if filled else ""
        if _TOTAL.fullmatch(re.sub(r"[\s:：]", "", first)) and len(mapped) <= max(2, len(self.places) // 2):
            return SKIPPED_TOTAL
        if not mapped:
            # Only a running number, or a word about the sheet below it.
            return (
                SKIPPED_FOOTER if any(isinstance(c.value, str) and len(c.value) > 4 for c in filled) else SKIPPED_BLANK
            )
        if len(mapped) <= 2 and _FOOTER.match(first):
            return SKIPPED_FOOTER
        repeated = sum(
            1
            for key, place in self.places.items()
            if place < len(raw.cells) and normalise_heading(cells.raw_text(raw.cells[place])) == self._heading(key)
        )
        return SKIPPED_HEADER if repeated >= 2 and repeated >= len(mapped) - 1 else ""

    def _heading(self, key: str) -> str:
        return normalise_heading(self.headings[key])


def _first_text(raw: RawRow) -> str:
    return next((cells.raw_text(cell).strip()[:60] for cell in raw.cells if not cell.is_blank), "")


def normalise_heading(text: str) -> str:
    """Fold a column's name: 「 手机号码（11位）* 」 → 手机号码."""
    return _NOISE.sub("", _BRACKETS.sub("", fold(text))).lower()


class _Header(NamedTuple):
    row: int
    places: dict[str, int]
    cells: list[str]


def open_table(
    file: BinaryIO | Path,
    columns: Sequence[Column],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    sheet: str = "",
) -> Table:
    """Recognise a file and find its header. Raises ``SheetError`` naming what is missing or stands twice.

    A workbook is read from its first visible sheet that has such a header; other filled sheets are named in
    ``table.source.notes``.
    """
    if isinstance(file, Path):
        try:
            file = file.open("rb")
        except OSError as error:
            raise SheetError(
                _("%(name)s can't be read: %(why)s.") % {"name": str(file), "why": error.strerror}, code="unreadable"
            ) from None
    sources = open_source(file, limits)
    best: tuple[Source, _Header] | None = None
    seen: list[RawRow] = []
    others: list[str] = []
    problem: SheetError | None = None
    for source in sources:
        if sheet and isinstance(source, XlsxSource) and source.title != sheet:
            continue
        try:
            rows = list(islice(source.rows(), SNIFF_ROWS))
        except SheetError as error:
            problem = problem or error
            continue
        seen = seen or rows
        header = _find_header(rows, columns)
        if header is None:
            if isinstance(source, XlsxSource) and any(not row.blank for row in rows):
                others.append(source.title)
            continue
        if best is None or (isinstance(source, CsvSource) and len(header.places) > len(best[1].places)):
            best = (source, header)
        elif isinstance(source, XlsxSource):
            others.append(source.title)
    if best is None:
        raise problem or _no_header(seen, columns)
    source, header = best
    _refuse_doubles(header)
    source.notes.extend(_("sheet “%(name)s” was not read") % {"name": name} for name in others)
    used = set(header.places.values())
    return Table(
        source=source,
        columns=columns,
        header_row=header.row,
        places=header.places,
        headings={key: header.cells[place].strip() for key, place in header.places.items()},
        header=header.cells,
        unread=[
            text.strip() for place, text in enumerate(header.cells) if place not in used and normalise_heading(text)
        ],
    )


def _find_header(rows: Sequence[RawRow], columns: Sequence[Column]) -> _Header | None:
    """Return the first row that names all required columns, or one of the two below it if that names more."""
    header: _Header | None = None
    for raw in rows:
        if raw.blank:
            continue
        if header is not None and raw.number > header.row + 2:
            break
        texts = [cells.raw_text(cell) for cell in raw.cells]
        places = _match(texts, columns)
        complete = all(column.key in places for column in columns if column.required)
        enough = min(2, len(columns))
        if complete and len(places) >= enough and (header is None or len(places) > len(header.places)):
            header = _Header(raw.number, places, texts)
    return header


def _match(texts: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    headings = [normalise_heading(text) for text in texts]
    places: dict[str, int] = {}
    for column in columns:
        for name in (column.key, *column.names):  # the names stand in the order of how surely they mean it
            wanted = normalise_heading(name)
            place = next((i for i, heading in enumerate(headings) if heading == wanted), None)
            if place is not None and place not in places.values():
                places[column.key] = place
                break
    return places


def _refuse_doubles(header: _Header) -> None:
    counted = Counter(normalise_heading(text) for text in header.cells)
    for key, place in header.places.items():
        if counted[normalise_heading(header.cells[place])] > 1:
            raise SheetError(
                _("Row %(row)s names the column “%(name)s” twice.")
                % {"row": header.row, "name": header.cells[place].strip()},
                code="double_column",
                row=header.row,
                key=key,
            )


def heading_of(column: Column) -> str:
    """Return a heading that is accepted: the column's label where it is one, else the first of its names."""
    label, accepted = str(column.label), (column.key, *column.names)
    if normalise_heading(label) in {normalise_heading(name) for name in accepted}:
        return label
    return column.names[0] if column.names else column.key


def _no_header(rows: Sequence[RawRow], columns: Sequence[Column]) -> SheetError:
    filled = [row for row in rows if not row.blank]
    if not filled:
        return SheetError(_("The file is empty."), code="empty")
    wanted = [heading_of(column) for column in columns]
    required = [name for name, column in zip(wanted, columns, strict=True) if column.required]
    nearest = max(filled, key=lambda row: len(_match([cells.raw_text(c) for c in row.cells], columns)))
    names = [cells.raw_text(cell).strip()[:20] for cell in nearest.cells[:12] if not cell.is_blank]
    return SheetError(
        _("No row of the file names the columns %(wanted)s. Row %(row)s says: %(found)s.")
        % {"wanted": ", ".join(required or wanted), "row": nearest.number, "found": ", ".join(names)},
        code="no_header",
        row=nearest.number,
    )
