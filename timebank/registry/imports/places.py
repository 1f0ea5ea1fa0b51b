"""A table of places, in any form that offices keep it, as rows of ``services.regions``."""

from __future__ import annotations

from typing import BinaryIO

from timebank.common.input import clean_text
from timebank.common.sheets.errors import CellProblem
from timebank.common.sheets.reading import Column, open_table
from timebank.common.sheets.reading import Row as TableRow
from timebank.common.sheets.sources import Limits
from timebank.registry.services.regions import Row

LIMITS = Limits(bytes=300 << 20, rows=1_000_000, unpacked=600 << 20)
_CODES = frozenset({"code", "parent_code", "old_code", "new_code"})
_DAYS = frozenset({"old_last_seen", "new_first_seen"})


def read_places(file: BinaryIO, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> list[Row]:
    """Read the rows, each with its number in the file; raises ``SheetError`` for what is no such table."""
    wanted = [Column(name, (), required=True) for name in columns] + [Column(name, ()) for name in more]
    return [_row(row, [column.key for column in wanted]) for row in open_table(file, wanted, limits=LIMITS)]


def _row(row: TableRow, keys: list[str]) -> Row:
    made: Row = {"row": row.number, "surplus": row.surplus}
    for key in keys:
        try:
            if not row.reaches(key):
                made[key] = None
            elif key in _DAYS:
                day = row.date(key)
                made[key] = day.isoformat() if day else ""
            else:
                made[key] = row.digits(key) if key in _CODES else clean_text(row.text(key))
        except CellProblem as problem:
            made[key] = row.raw(key)
            made["problem"] = f"{key}: {problem}"
    return made
