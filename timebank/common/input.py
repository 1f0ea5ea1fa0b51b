"""What people type and what a browser sends: one cleaner of human text, one safe reader of values.

``clean_text`` is for what is kept and shown again, ``fold`` for comparing and searching, the named ones (``phone``,
``code``, ``household_number`` …) for what has one written form. The readers take anything a browser, a file or a script
may send and give a value, the default, or ``InvalidInput``; nothing else ever.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection
from typing import Any, Final, TypeVar, overload

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError

MOST_DIGITS = 18
LARGEST_ID = 2**63 - 1
LAST_PAGE = 100_000
YEARS_BACK = 120
YEARS_AHEAD = 2

T = TypeVar("T")


class InvalidInput(DomainError, ValueError):
    """A value that can't be read; ``code`` says which kind it should have been."""

    code = "invalid_input"
    message = _("This can't be read. Check what you typed.")
    status = 400


# -- Characters --------------------------------------------------------------------------------------------------------
# Controls, formats (zero width, directions, byte order mark), half surrogates, and what else shows as nothing.
# Written out, because looking at all characters at every start takes a third of a second; a test compares the two.
# Private use and not (yet) assigned characters stay: rare names of people are written with them.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff"
)
_DROPPED = re.compile(f"[{_INVISIBLE}]")
_VARIANTS = re.compile("[\U000e0100-\U000e01ef]")  # choose a glyph of a character: kept, but never compared
_SPACES = re.compile(r"\s+")
_LINES = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_HALF_WIDTH = {
    number: number - 0xFEE0 for first, last in ("０９", "ＡＺ", "ａｚ") for number in range(ord(first), ord(last) + 1)
}
_DASH = (
    "\\-~\u02d7\u058a\u05be\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2e3a\u2e3b\u301c\u30fc\uff70\u3030\ufe58\ufe63"
    "\uff0d\uff5e\U00010ead"
)
_DASHES = re.compile(f"[{_DASH}]+")
_DOT = (
    "·\u0387\u05f3\u1427\u16eb\u2022\u2024\u2027\u2218\u2219\u22c5\u25cf\u25e6\u2e30\u2e31\u2e33\u30fb\u318d\uff65\ua78f"
    "\U00010101"
)
_DOTS = re.compile(f"\\s*[{_DOT}]\\s*")
_HAN = "[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_IDEOGRAPHS = re.compile("([\uf900-\ufaff\U0002f800-\U0002fa1f]+)")
_SEPARATOR = re.compile(f"[\\s{_DASH}{_DOT}.。．｡,，、_/\\\\()（）'’‘`]+")
# Letters of other scripts that look like Latin ones; only for numbers and codes, never for names.
_LOOK_ALIKE = str.maketrans("АВЕКМНОРСТУХЅІЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ×✕✖〇○|", "ABEKMHOPCTYXSIJABEZHIKMNOPTYXXXX00I")
_FOR_DIGITS = str.maketrans("OQILZSB", "0011258")


def clean_text(
    value: Any, *, most: int | None = None, lines: bool = False, dashes: bool = False, dots: bool = False
) -> str:
    """Return text as it is kept: nothing invisible, plain digits and letters, single spaces, none at the ends.

    Chinese punctuation and every ideograph stay as written. ``most`` cuts; ``lines`` keeps line breaks; ``dashes``
    writes all dashes as "-", ``dots`` all middle dots as "·" (names of many peoples have one).
    """
    if value is None:
        return ""
    text = str(value)
    if most is not None:
        text = text[: most * 4 + 1000]  # a bound on the work; nobody types four invisible characters for each seen
    if lines:
        text = "\n".join(_line(line) for line in _LINES.sub("\n", text).split("\n"))
        text = re.sub("\n{3,}", "\n\n", text).strip("\n")
    else:
        text = _line(text)
    if dashes:
        text = _DASHES.sub("-", text)
    if dots:
        text = _DOTS.sub("·", text)
    return text if most is None else text[:most].rstrip()


def _line(text: str) -> str:
    text = _DROPPED.sub("", text).translate(_HALF_WIDTH)
    # Normalising would swap compatibility ideographs, which some names are registered with.
    parts = _IDEOGRAPHS.split(text)
    parts[::2] = [unicodedata.normalize("NFC", part) for part in parts[::2]]
    return _SPACES.sub(" ", "".join(parts)).strip()


def person_name(value: Any, *, most: int = 60) -> str:
    """Return a person's name as it is kept: 阿卜杜拉·买买提, whatever dot was typed; no space between ideographs."""
    text = clean_text(value, most=most, dots=True)
    return re.sub(f"(?<={_HAN}) (?={_HAN})", "", text)


_OF_NAMES = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "Co", "Zs"))
_SIGNS_OF_NAMES = frozenset("-\u2010\u2011\u2013·.'‘’ʼ()（）\u0f0b\u0f0c")  # the last two part Tibetan syllables


def _stands_in_names(c: str) -> bool:
    # Han that is younger than our tables is not assigned there yet: all of the planes kept for it counts.
    return c in _SIGNS_OF_NAMES or unicodedata.category(c) in _OF_NAMES or "\U00020000" <= c <= "\U0003ffff"


def check_person_name(name: str) -> str:
    """Return a person's name; ``InvalidInput`` for a sign that stands in no name (emoji, stars, slashes)."""
    for c in name:
        if not _stands_in_names(c):
            raise InvalidInput(
                _("“%(sign)s” can't stand in a name. Write letters, digits, spaces, - · . ' and brackets only.")
                % {"sign": c},
                code="invalid_name",
                field="name",
            )
    return name


def fold(value: Any) -> str:
    """Return text for comparing and searching only: no case, width, accent, space, dash, dot or apostrophe."""
    text = _DOTS.sub("", _DROPPED.sub("", "" if value is None else str(value)))
    text = unicodedata.normalize("NFKD", _VARIANTS.sub("", text)).casefold()
    text = _SEPARATOR.sub("", _DROPPED.sub("", text))
    return unicodedata.normalize("NFC", "".join(c for c in text if unicodedata.category(c) != "Mn"))


def _plain_digits(text: str) -> str:
    """Write decimal digits of every script as 0-9; ² and ① are no decimal digits and stay."""
    return "".join(str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text)


def _signs(value: Any) -> str:
    """Return what stands in a number or code, without anything that separates."""
    text = "" if value is None else str(value)[:1000]
    return _SEPARATOR.sub("", _plain_digits(_DROPPED.sub("", text)))


def digits(value: Any) -> str:
    """Return the digits of a number that people group ("2345 678-901"); empty when anything else is in it."""
    text = _signs(value)
    return text if text.isascii() and text.isdigit() else ""


_PHONE = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")


def phone(value: Any) -> str:
    """Return the eleven digits of a Chinese mobile number, empty for empty; ``InvalidInput`` for anything else."""
    text = _signs(value).replace("＋", "+").replace("﹢", "+")
    if not text:
        return ""
    match = _PHONE.fullmatch(text) if text.isascii() else None
    if match is None:
        raise InvalidInput(
            _("This mobile number is not right. It has 11 digits and starts with 1."),
            code="invalid_phone",
            field="phone",
        )
    return match[1]


_TELEPHONE = re.compile(r"[0-9]{3,5}|[0-9][0-9-]{4,17}[0-9]")


def telephone(value: Any, *, field: str = "phone") -> str:
    """Return a telephone number of any kind, as it is shown: "0631-8450000", "12345"; empty for empty."""
    text = clean_text(_plain_digits(clean_text(value)), dashes=True).replace(" ", "")
    if text and not _TELEPHONE.fullmatch(text):
        raise InvalidInput(
            _("A telephone number has digits and dashes, for example 0631-8450000."), code="bad_telephone", field=field
        )
    return text


def code(value: Any) -> str:
    """Return letters and digits of a printed code, in upper case: "ａｂ3-7 ｃ" is "AB37C". Look-alikes become Latin."""
    # ² and ① are no digits of a code: folding them would make one number of another
    folded = (c if unicodedata.category(c) == "No" else unicodedata.normalize("NFKC", c) for c in _signs(value))
    text = "".join(folded).upper().translate(_LOOK_ALIKE)
    return _SEPARATOR.sub("", "".join(c for c in text if c.isalnum() or c.isspace()))


def id_number(value: Any) -> str:
    """Return a resident ID number as it is written: 17 digits and a digit or X; letters that look like digits too.

    It need not be valid: the check digit decides (``registry.ids.validate``).
    """
    text = code(str(value).replace("*", "X") if value is not None else "")
    return text[:17].translate(_FOR_DIGITS) + text[17:].translate(str.maketrans("OQIL", "0011"))


def household_number(value: Any) -> str:
    """Return a house number in the one form in which two are compared: "１２号", "012" and "No. 12" are "12"."""
    text = unicodedata.normalize("NFKC", clean_text(value, dashes=True)).upper()
    text = _plain_digits(_SPACES.sub("", _DASHES.sub("-", text))).replace("號", "号")
    text = re.sub(r"^(?:门牌号?|NO\.?|#|第)(?=\d)", "", text)
    text = re.sub(r"^([\dA-Z-]+)[号#]$", r"\1", text)
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def email(value: Any) -> str:
    """Return an e-mail address as it is compared; it need not be one."""
    return _SPACES.sub("", unicodedata.normalize("NFKC", clean_text(value, most=254))).lower()


def cell(value: Any) -> str:
    """Return a cell of a spreadsheet: without the apostrophe that marks text and the .0 that marks whole numbers."""
    text = clean_text(value)
    text = text.lstrip("'’")
    return re.sub(r"^(\d+)\.0+$", r"\1", _plain_digits(text)) if re.fullmatch(r"\d+\.0+", text) else text


# -- Readers -----------------------------------------------------------------------------------------------------------
class _Raise:
    """No default: raise."""


RAISE: Final = _Raise()
_WHOLE = re.compile(f"[+-]?[0-9]{{1,{MOST_DIGITS}}}")
_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2})(?:\.\d{1,6})?)?\s*(Z|[+-]\d{2}:?\d{2})?")


def _fail(default: Any, error: InvalidInput) -> Any:
    if isinstance(default, _Raise):
        raise error
    return default


@overload
def read_int(value: Any, least: int = ..., most: int = ...) -> int: ...
@overload
def read_int(value: Any, least: int = ..., most: int = ..., *, default: T) -> int | T: ...


def read_int(value: Any, least: int = 0, most: int = 10**MOST_DIGITS - 1, *, default: Any = RAISE) -> Any:
    """Return a whole number between ``least`` and ``most``, else the default or ``InvalidInput``."""
    if isinstance(value, bool):
        number = None
    elif isinstance(value, int):
        number = value
    else:
        text = _plain_digits(clean_text(value, most=40, dashes=True)).replace("＋", "+")
        number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None:
        return _fail(default, InvalidInput(_("Write a whole number in digits."), code="invalid_number"))
    if not least <= number <= most:
        error = InvalidInput(
            _("Write a number from %(least)s to %(most)s.") % {"least": least, "most": most}, code="number_out_of_range"
        )
        return _fail(default, error)
    return number


def read_id(value: Any, default: Any = None) -> Any:
    """Return the key of a row, or the default for anything that can't be one."""
    text = clean_text(value, most=20)
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else 0
    return number if 0 < number <= LARGEST_ID else default


def read_ids(values: Collection[Any], most: int = 1000) -> list[int]:
    """Return the keys of rows among the first ``most`` values, each once, in their order."""
    keys = (read_id(value) for value in list(values)[:most])
    return list(dict.fromkeys(key for key in keys if key is not None))


def read_page(value: Any) -> int:
    """Return the number of a page: 1 for anything that is none, never more than ``LAST_PAGE``."""
    return min(read_int(value, 1, default=1), LAST_PAGE)


def _bounds(least: dt.date | None, most: dt.date | None) -> tuple[dt.date, dt.date]:
    today = timezone.localdate()
    # 28: 29 February has no counterpart in most years, and nobody counts on one day in a century
    day = min(today.day, 28)
    return least or today.replace(year=today.year - YEARS_BACK, day=day), most or today.replace(
        year=today.year + YEARS_AHEAD, day=day
    )


def _day(text: str) -> dt.date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


@overload
def read_date(value: Any, least: dt.date | None = ..., most: dt.date | None = ...) -> dt.date: ...
@overload
def read_date(value: Any, least: dt.date | None = ..., most: dt.date | None = ..., *, default: T) -> dt.date | T: ...


def read_date(value: Any, least: dt.date | None = None, most: dt.date | None = None, *, default: Any = RAISE) -> Any:
    """Return a day (2026-11-28, 2026/11/28, 2026年11月28日, 20261128), by default 120 years back to 2 ahead."""
    if isinstance(value, dt.datetime):
        day: dt.date | None = value.date()
    elif isinstance(value, dt.date):
        day = value
    else:
        day = _day(_plain_digits(clean_text(value, most=40, dashes=True)).replace(" ", ""))
    if day is None:
        return _fail(default, InvalidInput(_("Write a day like 2026-11-28."), code="invalid_date"))
    first, last = _bounds(least, most)
    if not first <= day <= last:
        return _fail(default, _out_of_range(first, last))
    return day


def _out_of_range(first: dt.date, last: dt.date) -> InvalidInput:
    return InvalidInput(
        _("Choose a day from %(first)s to %(last)s.") % {"first": first.isoformat(), "last": last.isoformat()},
        code="date_out_of_range",
    )


@overload
def read_datetime(value: Any, least: dt.date | None = ..., most: dt.date | None = ...) -> dt.datetime: ...
@overload
def read_datetime(
    value: Any, least: dt.date | None = ..., most: dt.date | None = ..., *, default: T
) -> dt.datetime | T: ...


def read_datetime(
    value: Any, least: dt.date | None = None, most: dt.date | None = None, *, default: Any = RAISE
) -> Any:
    """Return an aware instant ("2026-11-28T09:30", "2026/11/28 9:30"), by the village's clock unless told."""
    if isinstance(value, dt.datetime):
        instant: dt.datetime | None = value
    else:
        instant = _instant(_plain_digits(clean_text(value, most=60, dashes=True)))
    if instant is None:
        return _fail(default, InvalidInput(_("Write a day and time like 2026-11-28 09:30."), code="invalid_datetime"))
    first, last = _bounds(least, most)
    if not first <= instant.date() <= last:  # before any conversion: the first and last years overflow
        return _fail(default, _out_of_range(first, last))
    return timezone.make_aware(instant) if timezone.is_naive(instant) else instant


def _instant(text: str) -> dt.datetime | None:
    parts = re.split(r"(?<=[\d日])\s*[Tt\s]\s*(?=\d{1,2}[:：])", text, maxsplit=1)
    day = _day(parts[0].replace(" ", ""))
    time = _TIME.fullmatch(parts[1].strip()) if len(parts) == 2 else None
    if day is None or time is None:
        return None
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    instant = dt.datetime.combine(day, dt.time(hour, minute, second))
    if time[4] is None:
        return instant
    if time[4] == "Z":
        return instant.replace(tzinfo=dt.UTC)
    hours, minutes = int(time[4][1:3]), int(time[4][-2:])
    if hours > 14 or minutes > 59:
        return None
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return instant.replace(tzinfo=dt.timezone(-offset if time[4][0] == "-" else offset))


def read_choice(value: Any, choices: Collection[str], default: T | str = "") -> T | str:
    """Return ``value`` if it is one of ``choices``, else the default."""
    text = clean_text(value, most=100)
    return text if text in choices else default


def read_text(value: Any, most: int = 200, default: str = "") -> str:
    """Return one clean line of at most ``most`` characters; the default for nothing."""
    return clean_text(value, most=most) or default
