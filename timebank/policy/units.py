"""Read the units, limits and ends that published tables are written in, English codes and plain Chinese. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from timebank.policy.engine import Period
from timebank.policy.ladders import Counts, Ends

HOUR = 60
YUAN = 100
MOST = 10**9  # no published table knows larger figures
STARS = {"零": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "银": 1, "金": 2}
LETTERS = {"AAA": 5, "AA": 4, "A": 3, "B": 2, "C": 1, "D": 0}
_FOLD = str.maketrans("０１２３４５６７８９．－—–＋（）［］，：≥≤", "0123456789.---+()[],:>" + "<")


class NotReadable(ValueError):
    """A row, or a table, that says nothing the product can take; the sentence is for a town admin."""

    def __init__(self, reason: str, code: str = "unreadable"):
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True)
class Shape:
    """What a unit says. ``kind``: each, once_a, tier, band or free; ``size`` in the measure's own smallest unit."""

    kind: str
    measure: str = "quantity"
    unit: str = "times"
    size: int = 0
    first: int = 0
    last: int | None = None
    period: Period = Period.FACT
    whole_only: bool = False


@dataclass(frozen=True)
class Limit:
    """What a cap says. ``kind``: points, times, minutes (of one activity) or held (by a wallet, in points)."""

    kind: str
    amount: int
    period: Period = Period.FACT
    per: str = "person"


def fold(text: str) -> str:
    """Write a cell in half width, without spaces at its ends."""
    return text.translate(_FOLD).strip()


def hundredths(text: str) -> int:
    """Turn a published decimal into whole 1/100; raises NotReadable."""
    cleaned = fold(text).removesuffix("分").strip()
    try:
        value = Decimal(cleaned)
    except InvalidOperation as error:
        raise NotReadable(_("“%(text)s” is no number.") % {"text": text}, "no_number") from error
    if not value.is_finite() or abs(value) > MOST:
        raise NotReadable(_("“%(text)s” is no number that a table can hold.") % {"text": text}, "no_number")
    scaled = value * 100
    if scaled != scaled.to_integral_value():
        raise NotReadable(_("“%(text)s” has more than two decimals.") % {"text": text}, "decimals")
    return int(scaled)


def _whole(text: str) -> int:
    number = int(text[:12])
    if number > MOST:
        raise NotReadable(_("“%(text)s” is no number that a table can hold.") % {"text": text}, "no_number")
    return number


_PERIODS = {
    "day": Period.DAY, "month": Period.MONTH, "quarter": Period.QUARTER, "year": Period.YEAR, "life": Period.ALWAYS,
    "activity": Period.FACT, "天": Period.DAY, "日": Period.DAY, "月": Period.MONTH, "季": Period.QUARTER,
    "季度": Period.QUARTER, "年": Period.YEAR, "终身": Period.ALWAYS, "次": Period.FACT,
}  # fmt: skip
_EACH = {
    "per_occurrence", "per_service", "per_activity", "per_project", "每次", "次", "每项", "每项目", "每场", "每人次",
}  # fmt: skip


def read_unit(text: str) -> Shape:
    """Read how a row counts; raises NotReadable for a unit that nobody has published before."""
    unit = fold(text).lower()
    if unit in _EACH:
        return Shape("each")
    if unit in ("discretionary", "酌情", "视情节", "酌情加分"):
        return Shape("free")
    if unit in ("per_month", "每月", "per_quarter", "每季度", "per_year", "每年"):
        period = _PERIODS[unit.removeprefix("per_").removeprefix("每")]
        return Shape("once_a", period=period)
    if unit in ("per_quarter_per_family_member", "家庭成员每季度", "每季度每人"):
        return Shape("once_a", period=Period.QUARTER)
    if unit in ("per_tree", "每棵", "per_piece", "每件", "每个"):
        return Shape("each", unit="pieces")
    if match := re.fullmatch(r"(?:tier:cumulative_hours>=|累计(?:达到|满)?)\s*(\d+)\s*(?:小时)?", unit):
        return Shape("tier", "minutes", "minutes", _whole(match[1]) * HOUR)
    if match := re.fullmatch(
        r"per_(?:(\d+)_)?hours?(\s*\(whole hours only\))?|每\s*(\d*)\s*(?:个)?小时(\s*\(整\))?", unit
    ):
        hours = _whole(match[1] or match[3] or "1")
        return Shape("each", "minutes", "minutes", hours * HOUR, whole_only=bool(match[2] or match[4]))
    if match := re.fullmatch(r"(?:per_|每\s*)(\d+)\s*(?:ml|毫升)", unit):
        return Shape("each", unit="ml", size=_whole(match[1]))
    if match := re.fullmatch(r"(?:per_|每\s*)(\d+)(?:_cny|\s*元)\s*(?:\((?:band)?\s*([^)]*)\))?", unit):
        return _band(_whole(match[1]), match[2] or "")
    raise NotReadable(_("The unit “%(unit)s” is not known.") % {"unit": text}, "unit")


def _band(size: int, text: str) -> Shape:
    first, last = 0, None
    if match := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
        first, last = _whole(match[1]), _whole(match[2])
    elif match := re.fullmatch(r">=?\s*(\d+)", text):
        first = _whole(match[1])
    elif match := re.fullmatch(r"<=?\s*(\d+)", text):
        last = _whole(match[1])
    elif text:
        raise NotReadable(_("The band “%(band)s” can't be read.") % {"band": text}, "band")
    if size <= 0 or (last is not None and last <= first):
        raise NotReadable(_("The band “%(band)s” can't be read.") % {"band": text}, "band")
    return Shape("band", unit="fen", size=size * YUAN, first=first * YUAN, last=None if last is None else last * YUAN)


def read_cap(text: str) -> Limit:
    """Read a limit; raises NotReadable."""
    cap = fold(text).lower()
    if match := re.fullmatch(r"(\d+)\s*stored total|最多持有\s*(\d+)\s*分?", cap):
        return Limit("held", _whole(match[1] or match[2]))
    if match := re.fullmatch(r"(\d+)\s*hours?\s*per activity|每次(?:活动)?最多\s*(\d+)\s*小时", cap):
        return Limit("minutes", _whole(match[1] or match[2]) * HOUR)
    if match := re.fullmatch(r"(\d+)\s*/\s*(day|month|quarter|year|life|activity)(\s*/\s*household)?", cap):
        return Limit("points", _whole(match[1]), _PERIODS[match[2]], "household" if match[3] else "person")
    if match := re.fullmatch(
        r"(每户|每家)?每?(天|日|月|季度|季|年|终身|次)(?:最多|不超过|限|封顶)\s*(\d+)\s*(分|次)", cap
    ):
        kind = "points" if match[4] == "分" else "times"
        return Limit(kind, _whole(match[3]), _PERIODS[match[2]], "household" if match[1] else "person")
    raise NotReadable(_("The limit “%(cap)s” can't be read.") % {"cap": text}, "cap")


def read_ends(text: str) -> tuple[Ends, Counts]:
    """Read how a ladder's ends count, and what it counts."""
    interval = fold(text).lower()
    if interval in ("(lo,hi]", "含上限"):
        return Ends.OPEN_CLOSED, Counts.POINTS
    if interval in ("[lo,hi] integers", "整数"):
        return Ends.CLOSED, Counts.POINTS
    if interval in (">=", ">= points", "以上", "分以上"):
        return Ends.AT_LEAST, Counts.POINTS
    if interval in (">= hours", "小时以上"):
        return Ends.AT_LEAST, Counts.HOURS
    raise NotReadable(_("“%(text)s” does not say how the ends of a level count.") % {"text": text}, "ends")


def star_of(label: str) -> int:
    """Return the order of a level by its published name; 0 for the lowest and for what has no order."""
    return LETTERS.get(label.strip().upper(), STARS.get(label.strip()[:1], 0))
