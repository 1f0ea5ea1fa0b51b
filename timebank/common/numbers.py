"""Points, money and minutes at the edge: whole numbers inside, text for people outside. Never float."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUS = "\u2212"
HUNDRED = 100
_FULLWIDTH = str.maketrans("０１２３４５６７８９．，－＋", "0123456789.,-+")
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?|[+-]?\.\d+")


def _format_hundredths(value: int, *, places: int | None, sign: bool) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"whole hundredths expected, got {type(value).__name__}")
    whole, rest = divmod(abs(value), HUNDRED)
    fraction = f"{rest:02d}"
    if places is None:
        fraction = fraction.rstrip("0")
    prefix = MINUS if value < 0 else ("+" if sign and value > 0 else "")
    return f"{prefix}{whole:,}" + (f".{fraction}" if fraction else "")


def _parse_hundredths(text: str) -> int:
    cleaned = re.sub(r"\s", "", str(text)).replace(MINUS, "-").translate(_FULLWIDTH)
    if not _NUMBER.fullmatch(cleaned):
        raise ValueError(f"not a number: {text!r}")
    try:
        scaled = Decimal(cleaned.replace(",", "")) * HUNDRED
    except InvalidOperation as error:
        raise ValueError(f"not a number: {text!r}") from error
    if scaled != scaled.to_integral_value():
        raise ValueError(f"more than two decimals: {text!r}")
    return int(scaled)


def format_points(value: int, *, places: int | None = None, sign: bool = False) -> str:
    """Write ``value`` (1/100 point) as "1,234.5"; ``places=2`` keeps both decimals, ``sign`` shows a plus."""
    return _format_hundredths(value, places=places, sign=sign)


def format_points_with_unit(value: int, *, sign: bool = False) -> str:
    """Write ``value`` (1/100 point) with its unit in the reader's language: "1 point", "120 points", "120 积分"."""
    # Exactly one point is singular; 0.5 and 1.5 read as plural in English.
    number = 1 if abs(value) == HUNDRED else 2
    return ngettext("%(number)s point", "%(number)s points", number) % {"number": format_points(value, sign=sign)}


def parse_points(text: str) -> int:
    """Read "1,234.5" (also full-width digits) as 1/100 points; ``ValueError`` for anything else or a third decimal."""
    return _parse_hundredths(text)


def points_to_decimal(value: int) -> Decimal:
    """Turn 1/100 points (or fen) into an exact ``Decimal`` with two places."""
    return Decimal(value).scaleb(-2)


def decimal_to_points(value: Decimal) -> int:
    """Turn a ``Decimal`` of points (or yuan) into hundredths; ``ValueError`` if it does not fit two places."""
    scaled = value * HUNDRED
    if scaled != scaled.to_integral_value():
        raise ValueError(f"more than two decimals: {value}")
    return int(scaled)


def format_money(fen: int, *, sign: bool = False) -> str:
    """Write ``fen`` as "¥12.34"; the sign stands before the currency."""
    text = _format_hundredths(fen, places=2, sign=sign)
    if text[0] in (MINUS, "+"):
        return f"{text[0]}¥{text[1:]}"
    return f"¥{text}"


def parse_money(text: str) -> int:
    """Read "12.34", "¥12.34" or "12.34元" as fen; ``ValueError`` for anything else."""
    return _parse_hundredths(str(text).strip().strip("¥￥元").strip())


def format_minutes(value: int) -> str:
    """Write whole minutes as "3 h 20 min" / "3 小时 20 分"; a minus stands in front."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"whole minutes expected, got {type(value).__name__}")
    hours, minutes = divmod(abs(value), 60)
    if hours and minutes:
        text = _("%(hours)s h %(minutes)s min") % {"hours": f"{hours:,}", "minutes": minutes}
    elif hours:
        text = _("%(hours)s h") % {"hours": f"{hours:,}"}
    else:
        text = _("%(minutes)s min") % {"minutes": minutes}
    return (MINUS if value < 0 else "") + text
