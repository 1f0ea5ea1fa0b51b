"""What a row of a residents' list says: a person, or all that can't be so, by column."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from timebank.common import input as clean
from timebank.common.sheets import cells
from timebank.common.sheets.errors import CellProblem
from timebank.common.sheets.reading import Column, Row
from timebank.registry import ids, rules, selectors
from timebank.registry.models import Region, User

T = TypeVar("T")
MOST_NAME = 60
COLUMNS = (
    Column(
        "name",
        ("姓名", "居民姓名", "成员姓名", "家庭成员", "家庭成员姓名", "村民姓名", "名字", "full name"),
        required=True,
        label=gettext_lazy("Name"),
    ),
    Column(
        "birth_date",
        ("出生日期", "出生年月日", "出生年月", "出生时间", "生日", "出生", "date of birth", "birthday", "birth", "dob"),
        label=gettext_lazy("Birth date"),
    ),
    Column(
        "id_number",
        (
            "身份证号", "身份证号码", "公民身份号码", "公民身份证号码", "公民身份证号", "居民身份证号码",
            "居民身份证号", "身份证", "身份证件号码", "身份号码", "证件号码", "证件号", "id", "id card",
            "id card number", "id no",
        ),
        label=gettext_lazy("ID number"),
    ),
    Column(
        "phone",
        (
            "手机号", "手机号码", "手机", "本人手机", "本人手机号", "移动电话", "联系电话", "联系方式", "电话",
            "电话号码", "本人电话", "mobile", "mobile number", "mobile phone", "phone number", "telephone", "tel",
        ),
        label=gettext_lazy("Mobile number"),
    ),
    Column(
        "house",
        (
            "门牌号", "门牌", "门牌号码", "户号", "户编号", "家庭编号", "家庭户号", "房号", "房屋编号", "宅号",
            "house number", "house no", "household", "household number", "door number",
        ),
        label=gettext_lazy("House number"),
    ),
    Column(
        "village",
        (
            "村代码", "村编码", "村委会代码", "村居代码", "社区代码", "行政村代码", "区划代码", "行政区划代码",
            "统计用区划代码", "村名", "村", "行政村", "村居", "所属村", "所在村", "村社区", "village code",
            "village name", "code",
        ),
        label=gettext_lazy("Village"),
    ),
)  # fmt: skip
#: The invented resident of the table to fill in. No ID number: whoever forgets to replace one registers it.
EXAMPLE = {
    "name": gettext_lazy("Example Resident"),
    "birth_date": dt.date(1950, 1, 31),
    "phone": "13800138000",
    "house": "12",
}
#: Columns that every list may have and that mean nothing here; all others that are not read are named.
UNREMARKED = frozenset({"序号", "编号", "序", "no", "行号", "问题", "row", "problem"})
_NOTHING = frozenset({"无", "没有", "暂无", "未知", "不详", "不知道", "空", "na", "none", "null", "nil"})
_CODE = re.compile(r"\d{12}")
OLDEST = clean.YEARS_BACK


class RowRefused(Exception):
    """A row that can't be loaded: which column, and why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key, self.reason = key, reason


@dataclass(slots=True)
class Candidate:
    """A person as a row describes them, every field in its written form."""

    number: int
    name: str
    birth_date: dt.date | None
    id_number: str
    phone: str
    household_number: str
    village_id: int

    @property
    def digest(self) -> str:
        return ids.digest(self.id_number) if self.id_number else ""

    @property
    def name_key(self) -> str:
        return clean.fold(self.name)

    @property
    def household_key(self) -> str:
        return clean.household_number(self.household_number)

    @property
    def fingerprint(self) -> str:
        """Return the keyed digest by which the same row is known again, in whatever list it comes."""
        birth = self.birth_date.isoformat() if self.birth_date else ""
        facts = (str(self.village_id), self.name_key, birth, self.id_number, self.phone, self.household_key)
        return ids.digest("row\0" + "\0".join(facts))

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "name": self.name,
            "birth_date": self.birth_date.isoformat() if self.birth_date else "",
            "id_number": self.id_number,
            "phone": self.phone,
            "household_number": self.household_number,
            "village_id": self.village_id,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Candidate:
        birth = data["birth_date"]
        return cls(**{**data, "birth_date": dt.date.fromisoformat(birth) if birth else None})


class Villages:
    """Where a row's person lives: its own code wins if the actor may act there, else the row is refused."""

    def __init__(self, default: Region, actor: User | None) -> None:
        self.default, self.actor = default, actor
        self._found: dict[str, Region | str] = {}

    def of(self, row: Row) -> Region:
        try:
            text = row.digits("village")
        except CellProblem as problem:
            raise RowRefused("village", str(problem)) from None
        name = clean.clean_text(text)
        if not name or _is_nothing(name):
            if self.default.level != Region.Level.VILLAGE:
                raise RowRefused("village", _("the village is missing"))
            return self.default
        if name not in self._found:
            self._found[name] = self._find(name)
        region_or_reason = self._found[name]
        if isinstance(region_or_reason, str):
            raise RowRefused("village", region_or_reason)
        return region_or_reason

    def _find(self, name: str) -> Region | str:
        code = clean.digits(name)
        region = selectors.region_by_code(code) if _CODE.fullmatch(code) else None
        if not code:
            named = self._named(name)
            if len(named) > 1:
                return _("several villages are called %(name)s: write the code") % {"name": name[:20]}
            region = named[0] if named else None
        if region is None:
            return _("no village is known as %(name)s") % {"name": name[:20]}
        if region.level != Region.Level.VILLAGE or not region.is_active:
            return _("%(name)s is not a village") % {"name": name[:20]}
        if self.actor is not None and not rules.can(self.actor, rules.REGISTER_RESIDENT, region):
            return _("you may not register residents of %(name)s") % {"name": region.short_name}
        return region

    def _named(self, name: str) -> list[Region]:
        key = clean.fold(name)
        if key in {clean.fold(self.default.name), clean.fold(self.default.short_name)}:
            return [self.default]
        # By its name only a village of the same town is meant; the county may have another of that name.
        town = self.default.path if self.default.level != Region.Level.VILLAGE else self.default.path[: -Region.steplen]
        villages = Region.objects.filter(path__startswith=town, level=Region.Level.VILLAGE, is_active=True)
        return [region for region in villages if key in {clean.fold(region.name), clean.fold(region.short_name)}]


def example_resident(place: Region) -> dict[str, Any]:
    """Return the row of the table to fill in, in the reader's language, for a village of this place."""
    below = Region.objects.filter(path__startswith=place.path, level=Region.Level.VILLAGE, is_active=True)
    village = below.order_by("path").first()
    return {**EXAMPLE, "village": village.code if village else ""}


def _is_nothing(text: str) -> bool:
    return clean.fold(text) in _NOTHING


def read_candidate(row: Row, villages: Villages, today: dt.date | None = None) -> Candidate:
    """Read a row; raise ``RowRefused`` naming every column that can't be so, under the first of them."""
    today = today or timezone.localdate()
    faults: list[RowRefused] = []

    def of(column: Callable[[], T], nothing: T) -> T:
        try:
            return column()
        except RowRefused as fault:
            faults.append(fault)
            return nothing

    name = of(lambda: _name(row), "")
    id_number = of(lambda: _id_number(row, today), "")
    birth_date = of(lambda: _birth_date(row, id_number, today), None)
    phone = of(lambda: _phone(row), "")
    household_number = of(lambda: _household_number(row), "")
    village_id = of(lambda: villages.of(row).pk, 0)
    if faults:
        first, *others = faults
        said = [first.reason, *(f"{row.headings.get(fault.key, fault.key)}: {fault.reason}" for fault in others)]
        raise RowRefused(first.key, "; ".join(said))
    return Candidate(row.number, name, birth_date, id_number, phone, household_number, village_id)


def _read(row: Row, key: str, how: str) -> Any:
    try:
        return getattr(row, how)(key)
    except CellProblem as problem:
        raise RowRefused(key, str(problem)) from None


def _name(row: Row) -> str:
    text = _read(row, "name", "text")
    name = clean.person_name(text, most=1000)
    if not name:
        raise RowRefused("name", _("the name is missing"))
    if "\ufffd" in name or not any(c.isalpha() for c in name):
        raise RowRefused("name", pgettext("person", "the name can't be read"))
    if len(name) > MOST_NAME:
        said = _("the name is too long: at most %(most)s characters, this has %(count)s")
        raise RowRefused("name", said % {"most": MOST_NAME, "count": len(name)})
    try:
        return clean.check_person_name(name)
    except clean.InvalidInput as error:
        raise RowRefused("name", str(error)) from None


def _id_number(row: Row, today: dt.date) -> str:
    text = _read(row, "id_number", "digits")
    number = clean.id_number(text)
    if not number or _is_nothing(text):
        return ""
    if len(number) == 15 and number.isdigit():
        raise RowRefused("id_number", _("a 15-digit number of before 2000: write the 18-digit one of the ID card"))
    if len(number) != 18 or not number[:17].isdigit() or not (number[17].isdigit() or number[17] == "X"):
        raise RowRefused("id_number", _("an ID number has 18 characters, this has %(count)s") % {"count": len(number)})
    try:
        return ids.validate(number, today=today)
    except ids.InvalidIdNumber:
        if number.endswith("000"):
            raise RowRefused("id_number", _("digits lost: the spreadsheet made the last three digits 000")) from None
    try:
        dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise RowRefused("id_number", _("the date in the ID number is no day of the calendar")) from None
    if ids.has_check_digit(number):
        raise RowRefused("id_number", _("the ID number can't be right"))
    raise RowRefused("id_number", _("the check digit of the ID number is wrong: a digit was mistyped"))


def _birth_date(row: Row, id_number: str, today: dt.date) -> dt.date | None:
    birth_date: dt.date | None = _read(row, "birth_date", "date") if not _is_nothing(row.raw("birth_date")) else None
    by_id = ids.birth_date(id_number) if id_number else None
    if birth_date is not None and by_id is not None and birth_date != by_id:
        other = _other_calendar(row)
        if other != by_id:
            raise RowRefused(
                "birth_date",
                _("the birth date %(written)s is not that of the ID number, %(by_id)s")
                % {"written": birth_date.isoformat(), "by_id": by_id.isoformat()},
            )
    birth_date = by_id or birth_date
    if birth_date is None:
        return None
    if birth_date > today:
        raise RowRefused("birth_date", _("%(day)s is in the future") % {"day": birth_date.isoformat()})
    years = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    if years > OLDEST:
        raise RowRefused("birth_date", _("born %(day)s: %(years)s years old") % {"day": birth_date, "years": years})
    return birth_date


def _other_calendar(row: Row) -> dt.date | None:
    """Read a bare number of a CSV file in the calendar of 1904: such a file doesn't say in which it was counted."""
    if row.calendar is not None or cells.serial_of(row.cell("birth_date")) is None:
        return None
    try:
        return cells.as_date(row.cell("birth_date"), cells.CALENDAR_1904)
    except CellProblem:
        return None


def _phone(row: Row) -> str:
    text = _read(row, "phone", "digits")
    if _is_nothing(text):
        return ""
    try:
        return clean.phone(text)
    except clean.InvalidInput:
        raise RowRefused(
            "phone", _("%(text)s is no mobile number: it has 11 digits and starts with 1") % {"text": text[:30]}
        ) from None


def _household_number(row: Row) -> str:
    text = _read(row, "house", "text")
    household_number = clean.clean_text(text, most=60, dashes=True)
    if _is_nothing(household_number) or not clean.household_number(household_number):
        return ""
    if len(household_number) > 20:
        raise RowRefused("house", _("a house number has at most 20 characters"))
    return household_number
