"""One cell of a table, and what may safely be read out of it.

A spreadsheet changes what was typed: ID numbers lose digits, phones become ``1.38E+10``, house numbers become dates,
dates become numbers in one of two calendars. What is lost is refused, never guessed; formulas are never evaluated.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from typing import Literal, NamedTuple

from django.utils.translation import gettext as _

from timebank.common.input import clean_text
from timebank.common.sheets.errors import CellProblem

Kind = Literal["text", "number", "date", "formula", "error"]

#: A spreadsheet keeps fifteen digits of a number; what is longer has lost its end.
DIGITS_KEPT = 15
_SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_POINT_ZERO = re.compile(r"(\d+)\.0+")
# ="0631" is how careful programs write a CSV cell that must stay text.
_QUOTED_FORMULA = re.compile(r'="([^"]*)"')
_DATE_PARTS = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|\+\d\d:?\d\d)?)?"
)
_EIGHT_DIGITS = re.compile(r"\d{8}")
_SERIAL = re.compile(r"\d{1,6}(\.\d+)?")
# 2-Mar, Mar-02, 3月2日, 2026/3/2: what a spreadsheet makes of the house number 3-2.
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_LOOKS_LIKE_DATE = re.compile(
    rf"\d{{1,2}}[-/ ]({_MONTHS})([-/ ]\d{{2,4}})?|({_MONTHS})[-/ ]\d{{1,4}}|\d{{1,2}}月\d{{1,2}}日?"
    r"|(19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?( 0+:00(:00)?)?|(19|20)\d\d年\d{1,2}月",
    re.IGNORECASE,
)


class Calendar(NamedTuple):
    """From which day a workbook counts its dates."""

    name: str
    epoch: dt.date


#: Day 60 is the 29 February 1900 that never was; every later day is right counted from here.
CALENDAR_1900 = Calendar("1900", dt.date(1899, 12, 30))
CALENDAR_1904 = Calendar("1904", dt.date(1904, 1, 1))


class Cell(NamedTuple):
    """What stands in a cell, and what the file says it is. A CSV file only knows text."""

    value: str | int | float | dt.date | None = None
    kind: Kind = "text"
    merged: bool = False  # carried down from the first row of a merged range

    @property
    def is_blank(self) -> bool:
        return self.value is None or (isinstance(self.value, str) and not fold(self.value))


BLANK = Cell()


def fold(text: str) -> str:
    """Fold what a spreadsheet or a keyboard adds (width, invisible characters, spaces): to compare, not to keep."""
    return unicodedata.normalize("NFKC", clean_text(text))


def raw_text(cell: Cell) -> str:
    """Return what the cell shows, whatever it is; for messages and for the file of refused rows."""
    if cell.value is None:
        return ""
    if isinstance(cell.value, float):
        return _number_text(cell.value)
    if isinstance(cell.value, dt.date):
        return cell.value.isoformat()
    return str(cell.value)


def as_text(cell: Cell) -> str:
    """Return a cell as text: numbers without ``.0``, without a leading apostrophe. Raises ``CellProblem``."""
    _refuse_formula(cell)
    if cell.kind == "date":
        raise CellProblem(_("a date stands here: the spreadsheet changed what was typed"), code="date")
    if isinstance(cell.value, (int, float)):
        _refuse_lost_digits(cell.value)
        return _number_text(cell.value)
    text = _unquoted(str(cell.value or ""))
    if _LOOKS_LIKE_DATE.fullmatch(fold(text)):
        raise CellProblem(_("a date stands here: the spreadsheet changed what was typed"), code="date")
    return text


def as_digits(cell: Cell) -> str:
    """Return a number that is a name (phone, code, ID number) as it was typed; refuse what a spreadsheet shortened."""
    _refuse_formula(cell)
    if cell.kind == "date":
        raise CellProblem(_("a date stands here: the spreadsheet changed what was typed"), code="date")
    if isinstance(cell.value, (int, float)):
        _refuse_lost_digits(cell.value)
        return _number_text(cell.value)
    text = fold(_unquoted(str(cell.value or "")))
    if _SCIENTIFIC.fullmatch(text.replace(" ", "")):
        raise CellProblem(
            _("digits lost: %(text)s is a number that the spreadsheet shortened") % {"text": text}, code="digits_lost"
        )
    whole = _POINT_ZERO.fullmatch(text)
    return whole[1] if whole else text


def as_date(cell: Cell, calendar: Calendar | None) -> dt.date | None:
    """Return a cell as a day; numbers are counted in the workbook's calendar (``None``: a CSV file, thus 1900)."""
    _refuse_formula(cell)
    if cell.is_blank:
        return None
    if isinstance(cell.value, dt.datetime):
        return cell.value.date()
    if isinstance(cell.value, dt.date):
        return cell.value
    if isinstance(cell.value, (int, float)):
        return _date_of_number(cell.value, calendar or CALENDAR_1900)
    text = fold(_unquoted(str(cell.value)))
    if match := _DATE_PARTS.fullmatch(text):
        return _day(text, match[1], match[2], match[3])
    plain = _POINT_ZERO.fullmatch(text)
    if plain:
        text = plain[1]
    if _EIGHT_DIGITS.fullmatch(text):
        return _day(text, text[:4], text[4:6], text[6:])
    if _SERIAL.fullmatch(text):
        return _date_of_number(float(text), calendar or CALENDAR_1900)
    raise CellProblem(
        _("%(text)s is not a date; write year, month and day as 1965-07-18") % {"text": text[:40]}, code="not_a_date"
    )


def serial_of(cell: Cell) -> float | None:
    """Return the day number if the cell holds a date only as a number, else nothing."""
    if isinstance(cell.value, (int, float)):
        return float(cell.value) if cell.value < 1_000_000 else None
    if isinstance(cell.value, str) and _SERIAL.fullmatch(fold(cell.value)):
        return float(fold(cell.value))
    return None


def _refuse_formula(cell: Cell) -> None:
    if cell.kind == "formula" or (
        isinstance(cell.value, str)
        and cell.value.lstrip().startswith("=")
        and not _QUOTED_FORMULA.fullmatch(cell.value.strip())
    ):
        raise CellProblem(_("a formula stands here: paste its value instead"), code="formula")
    if cell.kind == "error":
        raise CellProblem(_("%(text)s is an error of the spreadsheet") % {"text": cell.value}, code="error")


def _unquoted(text: str) -> str:
    text = text.strip()
    if match := _QUOTED_FORMULA.fullmatch(text):
        return match[1].strip()
    return text[1:].strip() if text[:1] in {"'", "\u2019", "\uff07"} else text


def _number_text(value: float) -> str:
    if isinstance(value, int) or value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def _refuse_lost_digits(value: float) -> None:
    if abs(value) >= 10**DIGITS_KEPT:
        raise CellProblem(
            _("digits lost: the spreadsheet kept only 15 digits of this number; format the column as text"),
            code="digits_lost",
        )
    # 1.38E+10 opened again as a number: nothing but noughts after the first digits, and not written as a whole number.
    if isinstance(value, float) and value >= 10**9 and value % 10**6 == 0:
        raise CellProblem(
            _("digits lost: %(text)s is a number that the spreadsheet shortened") % {"text": f"{value:.2E}"},
            code="digits_lost",
        )


def _date_of_number(value: float, calendar: Calendar) -> dt.date:
    whole = int(value)
    if 10_000_101 <= whole <= 29_991_231:
        text = str(whole)
        return _day(text, text[:4], text[4:6], text[6:])
    if 1880 <= whole <= 2100:
        raise CellProblem(_("%(text)s is only a year") % {"text": whole}, code="not_a_date")
    if not 1 <= whole <= 80_000:
        raise CellProblem(
            _("%(text)s is not a date; write year, month and day as 1965-07-18") % {"text": whole}, code="not_a_date"
        )
    if calendar is CALENDAR_1900 and whole < 60:
        whole += 1
    return calendar.epoch + dt.timedelta(days=whole)


def _day(text: str, year: str, month: str, day: str) -> dt.date:
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        raise CellProblem(_("%(text)s is no day of the calendar") % {"text": text[:40]}, code="no_such_day") from None
