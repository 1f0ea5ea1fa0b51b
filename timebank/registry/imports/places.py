"""A table of places, in any form that offices keep it, as rows of ``services.regions``."""

from __future__ import annotations

from typing import BinaryIO

from django.utils.translation import pgettext_lazy

from timebank.common.input import clean_text
from timebank.common.sheets.errors import CellProblem
from timebank.common.sheets.reading import Column, open_table
from timebank.common.sheets.reading import Row as TableRow
from timebank.common.sheets.sources import Limits
from timebank.registry.models import Region
from timebank.registry.services.regions import Row

LIMITS = Limits(bytes=300 << 20, rows=1_000_000, unpacked=600 << 20)
#: What offices call the columns; ``label`` is how the table to fill in calls them.
COLUMNS = {
    column.key: column
    for column in (
        Column(
            "code",
            ("代码", "编码", "区划代码", "行政区划代码", "统计用区划代码", "地区代码"),
            label=pgettext_lazy("column of places", "code"),
        ),
        Column(
            "name",
            ("名称", "地名", "区划名称", "行政区划名称", "单位名称", "全称"),
            label=pgettext_lazy("column of places", "name"),
        ),
        Column("level", ("级别", "层级", "行政级别", "区划级别"), label=pgettext_lazy("column of places", "level")),
        Column(
            "parent_code",
            ("上级代码", "上级编码", "上级区划代码", "上级行政区划代码", "父级代码", "parent code"),
            label=pgettext_lazy("column of places", "parent_code"),
        ),
        Column("kind", ("类型", "类别", "性质", "种类"), label=pgettext_lazy("column of places", "kind")),
    )
}
_LEVELS = {
    word: level
    for level, words in {
        "province": ("省", "省级", "自治区", "直辖市"),
        "city": ("市", "市级", "地级", "地级市", "地区"),
        "county": ("县", "区", "区县", "县区", "县级", "县级市", "市辖区"),
        "town": ("镇", "乡", "乡镇", "镇街", "街道", "乡级", "镇级", "乡镇级", "办事处"),
        "village": ("村", "村居", "社区", "村级", "村委会", "居委会", "行政村"),
    }.items()
    for word in words
}
#: What the table to fill in shows: one place of each level.
EXAMPLE = (
    ("370000000000", "山东省", "province", "", ""),
    ("371000000000", "威海市", "city", "370000000000", ""),
    ("371003000000", "文登区", "county", "371000000000", "市辖区"),
    ("371003104000", "泽库镇", "town", "371003000000", "镇"),
    ("371003104204", "辛旺庄村委会", "village", "371003104000", "村委会"),
)
_CODES = frozenset({"code", "parent_code", "old_code", "new_code"})
_DAYS = frozenset({"old_last_seen", "new_first_seen"})


def read_places(file: BinaryIO, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> list[Row]:
    """Read the rows, each with its number in the file; raises ``SheetError`` for what is no such table."""
    wanted = [_column(name)._replace(required=True) for name in columns] + [_column(name) for name in more]
    return [_row(row, [column.key for column in wanted]) for row in open_table(file, wanted, limits=LIMITS)]


def example_places() -> list[dict[str, str]]:
    """Return the rows of the table to fill in, in the reader's language: one place of each level."""
    labels = dict(Region.Level.choices)
    rows = [dict(zip(COLUMNS, place, strict=True)) for place in EXAMPLE]
    return [{**row, "level": str(labels[row["level"]])} for row in rows]


def _column(name: str) -> Column:
    return COLUMNS.get(name) or Column(name, ())


def _level(text: str) -> str:
    """Return a level by its name here, whatever the office calls it; what it is not is refused with its row."""
    return _LEVELS.get(text) or text.lower()


def _row(row: TableRow, keys: list[str]) -> Row:
    made: Row = {"row": row.number, "surplus": row.surplus}
    for key in keys:
        try:
            if not row.reaches(key):
                made[key] = None
            elif key in _DAYS:
                day = row.date(key)
                made[key] = day.isoformat() if day else ""
            elif key == "level":
                made[key] = _level(clean_text(row.text(key)))
            else:
                made[key] = row.digits(key) if key in _CODES else clean_text(row.text(key))
        except CellProblem as problem:
            made[key] = row.raw(key)
            made["problem"] = f"{key}: {problem}"
    return made
