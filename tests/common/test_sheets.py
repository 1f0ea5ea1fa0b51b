"""Tables in files: found under titles, in any encoding, with everything that a spreadsheet does to them; bounded."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from typing import Any

import pytest
from django.utils import translation
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from timebank.common.sheets import cells, sources
from timebank.common.sheets.cells import CALENDAR_1900, CALENDAR_1904, Cell
from timebank.common.sheets.errors import CellProblem, SheetError
from timebank.common.sheets.reading import Column, open_table
from timebank.common.sheets.sources import Limits
from timebank.common.sheets.writing import csv_lines, safe_cell, write_xlsx

COLUMNS = (
    Column("name", ("姓名",), required=True),
    Column("birth", ("出生日期",)),
    Column("phone", ("手机号", "联系电话")),
    Column("house", ("门牌号", "户号")),
)
HEADER = "姓名,出生日期,手机号,门牌号"
ROW = "禾小满,1965-07-18,13000000060,3-2"


def table_of(content: bytes | str, encoding: str = "utf-8", **more: Any) -> Any:
    data = content.encode(encoding) if isinstance(content, str) else content
    return open_table(io.BytesIO(data), COLUMNS, **more)


def names(table: Any) -> list[tuple[int, str]]:
    return [(row.number, row.text("name")) for row in table]


def book(rows: list[list[Any]], **more: Any) -> bytes:
    made = Workbook()
    if more.get("epoch"):
        made.epoch = more["epoch"]
    sheet = made.active
    for row in rows:
        sheet.append(row)
    for area in more.get("merged", ()):
        sheet.merge_cells(area)
    for place, shown in more.get("formats", {}).items():
        sheet[place].number_format = shown
    for title, content in more.get("sheets", {}).items():
        other = made.create_sheet(title)
        for row in content:
            other.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


# -- CSV ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_encoding_delimiter_and_line_end(encoding, delimiter, ending):
    text = ending.join([HEADER, ROW.replace("禾", "𠮷"), ""]).replace(",", delimiter)
    table = table_of(text, encoding)
    (row,) = table
    assert (row.number, row.text("name"), row.date("birth"), row.digits("phone"), row.text("house")) == (
        2,
        "𠮷小满",
        dt.date(1965, 7, 18),
        "13000000060",
        "3-2",
    )


def test_rows_are_counted_from_the_first_line_of_the_file():
    text = f'辛旺庄居民花名册,,,\n\n"制表：\n村委会",,,\n{HEADER}\n{ROW}\n\n"两\n行",,,\n{ROW}\n合计,,,2人\n'
    table = table_of(text)
    assert [number for number, _ in names(table)] == [6, 8, 10]
    assert table.header_row == 5
    assert [(one.row, one.kind) for one in table.skipped] == [
        (1, "title"),
        (2, "blank"),
        (3, "title"),
        (7, "blank"),
        (11, "total"),
    ]


@pytest.mark.parametrize(
    ("_case", "line", "why"),
    [
        ("total", "合计,,,12人", "total"),
        ("total with spaces", "合 计：,,,", "total"),
        ("count", "共12人,,,", "total"),
        ("page total", "本页小计,,,12", "total"),
        ("English total", "Total,,,12", "total"),
        ("header on every page", HEADER, "header"),
        ("who filled it in", "填表人：桃晴川,,,", "footer"),
        ("when", "填表日期：2026年11月,,,", "footer"),
        ("blank", ",,,", "blank"),
        ("spaces", "　, ,\u200b,", "blank"),
    ],
)
def test_rows_that_are_nobody_are_skipped_and_named(_case, line, why):
    table = table_of(f"{HEADER}\n{ROW}\n{line}\n{ROW}\n")
    assert [number for number, _ in names(table)] == [2, 4]
    assert [(one.row, one.kind) for one in table.skipped] == [(3, why)]


def test_a_person_whose_name_begins_like_a_total_is_a_person():
    table = table_of(f"{HEADER}\n合计川,1965-07-18,13000000060,3\n共小满,1965-07-18,,\n")
    assert names(table) == [(2, "合计川"), (3, "共小满")]


def test_a_row_without_a_name_but_with_a_phone_is_not_passed_over():
    assert names(table_of(f"{HEADER}\n,1965-07-18,13000000060,3\n")) == [(2, "")]


@pytest.mark.parametrize(
    ("_case", "header"),
    [
        ("star", "姓名*,出生日期,手机号,门牌号"),
        ("brackets", "姓名（必填）,出生日期(如1965-07-18),手机号【11位】,门牌号"),
        ("spaces", "姓 名,出生 日期,手机　号,门牌号"),
        ("full width", "姓名,出生日期,手机号：,门牌号"),
        ("keys", "NAME,Birth,PHONE,House"),
        ("another order", "手机号,姓名,门牌号,出生日期"),
    ],
)
def test_a_header_is_known_however_it_is_written(_case, header):
    assert table_of(f"{header}\n").places.keys() == {"name", "birth", "phone", "house"}


def test_columns_that_mean_nothing_are_named():
    assert table_of("序号,姓名,手机号,政治面貌\n").unread == ["序号", "政治面貌"]


@pytest.mark.parametrize(
    ("_case", "content", "code", "says"),
    [
        ("nothing", b"", "empty", "empty"),
        ("blank lines", b"\n\n \n", "empty", "empty"),
        ("no header", "甲,乙\n1,2\n".encode(), "no_header", "Row 1 says: 甲, 乙"),
        ("twice", "姓名,手机号,姓名\n".encode(), "double_column", "“姓名” twice"),
        ("old xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old_xls", "old .xls"),
        ("picture", b"\x89PNG\r\n" + b"\0" * 100, "not_a_table", "not a table"),
        ("pdf", b"%PDF-1.7", "not_a_table", "not a table"),
        ("web page", b"<html><table><tr>", "not_a_table", "web page"),
        ("no encoding", f"{HEADER}\n".encode() + b"\xff\xfe\xfa,\x81\n", "encoding", "Row 2"),
        ("open quote", f'{HEADER}\n"禾小满,,,\n{ROW}\n'.encode(), "broken_row", "Row 2 is broken"),
        ("stray quote", f'{HEADER}\n"禾"小满,,,\n{ROW}\n'.encode(), "broken_row", "Row 2 is broken"),
        ("a novel", f"{HEADER}\n{'长' * 2001},,,\n".encode(), "broken_row", "Row 2"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(_case, content, code, says):
    with translation.override("en"), pytest.raises(SheetError) as refused:
        list(table_of(content))
    assert refused.value.code == code
    assert says in str(refused.value.message)


def test_a_missing_column_is_named_as_it_would_be_accepted():
    columns = (Column("title", ("名称", "title"), True, label="姓名"), Column("unit", ("单位",), True, label="Unit"))
    with translation.override("en"), pytest.raises(SheetError) as refused:
        open_table(io.BytesIO("甲,乙\n".encode()), columns)
    assert "the columns 名称, Unit." in str(refused.value.message)


def test_too_many_rows_are_refused_at_the_row_after_the_last():
    with pytest.raises(SheetError) as refused:
        list(table_of(f"{HEADER}\n" + f"{ROW}\n" * 20, limits=Limits(rows=11)))
    assert (refused.value.code, refused.value.params["row"]) == ("too_many_rows", 12)


def test_too_many_columns_and_bytes_are_refused():
    with pytest.raises(SheetError) as refused:
        list(table_of(HEADER + "," * 200 + "\n"))
    assert refused.value.code == "too_many_columns"
    with pytest.raises(SheetError) as refused:
        table_of(HEADER, limits=Limits(bytes=10))
    assert refused.value.code == "too_large"


# -- Cells -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("_case", "value", "text"),
    [
        ("plain", "13000000060", "13000000060"),
        ("number", 13000000060, "13000000060"),
        ("float", 13000000060.0, "13000000060"),
        ("point zero", "13000000060.0", "13000000060"),
        ("apostrophe", "'990000199308069670", "990000199308069670"),
        ("typographic apostrophe", "’13000000060", "13000000060"),
        ("full width", "１３０００００００６０", "13000000060"),
        ("direction marks", "\u202d13000000060\u202c", "13000000060"),
        ("kept as text by a formula", '="0631"', "0631"),
        ("a real phone of noughts", "13000000000", "13000000000"),
        ("a real phone of noughts as a number", 13000000000, "13000000000"),
    ],
)
def test_a_number_that_is_a_name_is_read_as_typed(_case, value, text):
    assert cells.as_digits(Cell(value, "text" if isinstance(value, str) else "number")) == text


@pytest.mark.parametrize(
    ("_case", "cell", "code"),
    [
        ("shortened", Cell("1.38E+10"), "digits_lost"),
        ("shortened with spaces", Cell(" 1.38e+10 "), "digits_lost"),
        ("shortened, no point", Cell("9E17"), "digits_lost"),
        ("full width", Cell("１.38Ｅ+10"), "digits_lost"),
        ("a number of eighteen digits", Cell(990000199110139000, "number"), "digits_lost"),
        ("a float of eighteen digits", Cell(9.90000199110139e17, "number"), "digits_lost"),
        ("opened again as a number", Cell(1.38e10, "number"), "digits_lost"),
        ("date", Cell(dt.date(2026, 3, 2), "date"), "date"),
        ("formula", Cell("=", "formula"), "formula"),
        ("formula in a CSV file", Cell("=A1+1"), "formula"),
        ("error", Cell("#N/A", "error"), "error"),
    ],
)
def test_what_was_lost_is_refused(_case, cell, code):
    with pytest.raises(CellProblem) as refused:
        cells.as_digits(cell)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "text", ["2-Mar", "Mar-02", "3月2日", "2026/3/2", "2026-03-02", "2026年3月2日", "1-Jan-26", "2026/3/2 0:00"]
)
def test_a_house_number_that_became_a_date_is_refused(text):
    with pytest.raises(CellProblem):
        cells.as_text(Cell(text))


@pytest.mark.parametrize("text", ["3-2", "12", "12号", "东3-2-1", "2026", "3.2", "A1", "5栋2单元"])
def test_a_house_number_stays(text):
    assert cells.as_text(Cell(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "1965-07-18",
        "1965/7/18",
        "1965.7.18",
        "1965年7月18日",
        "1965年7月18",
        "19650718",
        "19650718.0",
        "1965-07-18 00:00:00",
        "1965/7/18 0:00",
        "１９６５／０７／１８",
        "'1965-07-18",
        "23941",
        "23941.0",
        23941,
        23941.0,
        19650718,
        dt.date(1965, 7, 18),
    ],
)
def test_a_day_is_read_however_it_is_written(text):
    assert cells.as_date(Cell(text), None) == dt.date(1965, 7, 18)


def test_a_number_is_a_day_in_the_calendar_of_its_workbook():
    assert cells.as_date(Cell(22479, "number"), CALENDAR_1904) == dt.date(1965, 7, 18)
    assert cells.as_date(Cell(23941, "number"), CALENDAR_1900) == dt.date(1965, 7, 18)
    assert cells.as_date(Cell(59, "number"), CALENDAR_1900) == dt.date(1900, 2, 28)
    assert cells.as_date(Cell(61, "number"), CALENDAR_1900) == dt.date(1900, 3, 1)
    assert cells.as_date(Cell(""), CALENDAR_1900) is None


@pytest.mark.parametrize(
    "text", ["1961-06-31", "2023-02-29", "1965", 1965, "1965-07", "65-7-18", "7/18/1965", "腊月初八", "-5", "99999999"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(CellProblem):
        cells.as_date(Cell(text), CALENDAR_1904)


# -- XLSX --------------------------------------------------------------------------------------------------------------
def test_a_workbook_says_what_a_spreadsheet_keeps():
    rows = [HEADER.split(","), ["禾小满", dt.date(1965, 7, 18), 13000000060, 7], ["槐春分", 23941, "=1+1", "=A1"]]
    table = table_of(book(rows, formats={"D2": "000"}))
    first, second = list(table)
    assert (first.date("birth"), first.digits("phone"), first.text("house")) == (
        dt.date(1965, 7, 18),
        "13000000060",
        "007",
    )
    assert second.date("birth") == dt.date(1965, 7, 18)
    with pytest.raises(CellProblem) as refused:
        second.text("house")
    assert (refused.value.code, refused.value.params["column"]) == ("formula", "门牌号")


def test_the_calendar_of_1904_is_the_workbooks_own():
    made = Workbook()
    made.epoch = CALENDAR_MAC_1904
    made.active.append(["姓名", "出生日期"])
    made.active.append(["禾小满", dt.date(1965, 7, 18)])
    made.active.append(["槐春分", 22479])
    out = io.BytesIO()
    made.save(out)
    table = table_of(out.getvalue())
    assert table.calendar == CALENDAR_1904
    assert [row.date("birth") for row in table] == [dt.date(1965, 7, 18)] * 2


def test_merged_cells_count_for_all_their_rows():
    rows = [["辛旺庄花名册"], HEADER.split(","), ["甲", "", "", 14], ["乙"], ["丙"], ["丁", "", "", 15], [], ["合计"]]
    table = table_of(book(rows, merged=["A1:D1", "D3:D5", "D6:D7"]))
    assert [(row.number, row.text("name"), row.text("house")) for row in table] == [
        (3, "甲", "14"),
        (4, "乙", "14"),
        (5, "丙", "14"),
        (6, "丁", "15"),
    ]
    assert [(one.row, one.kind) for one in table.skipped] == [(1, "title"), (7, "blank"), (8, "total")]


def test_a_header_of_two_rows_is_read_as_one():
    rows = [["基本情况", "", "联系", ""], ["姓名", "出生日期", "手机号", "门牌号"], ["甲", "1965-07-18", "", "3"]]
    assert names(table_of(book(rows, merged=["A1:B1", "C1:D1"]))) == [(3, "甲")]
    rows = [
        ["姓名", "出生日期", "联系方式", ""],
        ["", "", "手机号", "门牌号"],
        ["甲", "1965-07-18", "13000000060", "3"],
    ]
    table = table_of(book(rows, merged=["A1:A2", "B1:B2", "C1:D1"]))
    assert [row.digits("phone") for row in table] == ["13000000060"]


def test_the_sheet_with_the_header_is_read_and_the_others_are_named():
    content = book([["说明"]], sheets={"名单": [HEADER.split(","), ["甲"]], "旧": [HEADER.split(","), ["乙"]]})
    table = table_of(content)
    assert names(table) == [(2, "甲")]
    assert len(table.source.notes) == 2
    assert names(table_of(content, sheet="旧")) == [(2, "乙")]


def test_a_bomb_is_refused_before_it_is_unpacked():
    content = book([HEADER.split(","), ["甲"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part, old.read(part))
        new.writestr("xl/media/image1.png", b"\0" * (3 << 20))
    assert len(out.getvalue()) < 20_000
    assert names(table_of(out.getvalue())) == [(2, "甲")]  # below the bound it is an odd workbook, no more
    with pytest.raises(SheetError) as refused:
        table_of(out.getvalue(), limits=Limits(unpacked=2 << 20))
    assert refused.value.code == "too_large"


def rewritten(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for one in source.infolist():
            data = source.read(one)
            if one.filename == part:
                assert old in data
                data = data.replace(old, new)
            target.writestr(one.filename, data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
STRING = 't="inlineStr"><is><t>甲</t></is>'.encode()


def test_a_lying_dimension_or_a_far_cell_costs_nothing():
    content = book([HEADER.split(","), ["甲"]])
    for old, new in ((b'ref="A1:D2"', b'ref="A1:XFD1048576"'), (b'r="A2"', b'r="XFD1048576"')):
        list(table_of(rewritten(content, SHEET, old, new)))


@pytest.mark.parametrize(
    ("_case", "spoil"),
    [
        ("cut off", lambda content: content[: len(content) // 2]),
        ("not XML", lambda content: rewritten(content, SHEET, b"<sheetData>", b"<sheetData")),
        ("an entity", lambda content: rewritten(content, SHEET, b"<sheetData>", b"<sheetData>&a;")),
        ("no workbook", lambda content: content.replace(b"xl/workbook.xml", b"xl/workbooc.xml")),
        ("a wrong string", lambda content: rewritten(content, SHEET, STRING, b't="s"><v>4000</v>')),
        ("a wrong number", lambda content: rewritten(content, SHEET, STRING, b't="n"><v>x</v>')),
    ],
)
def test_a_damaged_workbook_is_a_sentence(_case, spoil):
    content = spoil(book([HEADER.split(","), ["甲"]]))
    with pytest.raises(SheetError):
        list(table_of(content))


def test_entities_are_not_blown_up():
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
    )
    content = book([HEADER.split(","), ["甲"]])
    content = rewritten(content, SHEET, b"<worksheet", bomb + b"]><worksheet")
    content = rewritten(content, SHEET, b"<sheetData>", b"<sheetData><row r='9'><c t='str'><v>&j;</v></c></row>")
    with pytest.raises(SheetError):
        list(table_of(content))


def test_a_row_is_streamed():
    """Only the first rows are read to find the header: a broken end is met when it is reached."""
    table = table_of(f"{HEADER}\n" + f"{ROW}\n" * 100 + '"')
    rows = iter(table)
    assert next(rows).number == 2
    with pytest.raises(SheetError):
        list(rows)


# -- Writing -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["3-2", "3/2", "371003104204", "990000199602249007", "007", "1E5", "3月2日", "=1+1"])
def test_text_stays_text_in_csv_and_is_read_back(text):
    assert safe_cell(text) == f"'{text}"
    written = "".join(csv_lines(["姓名", "门牌号"], [["甲", text]]))
    (row,) = table_of(written)
    if text not in {"=1+1", "3月2日"}:
        assert row.text("house") == text


@pytest.mark.parametrize("value", ["13000000060", "王一", "12", 12, "2026-11-28 08:00:00"])
def test_what_a_spreadsheet_leaves_alone_stays_bare(value):
    assert safe_cell(value) == str(value)
    assert next(csv.reader([safe_cell(value)])) == [str(value)]


def test_text_stays_text_in_a_workbook():
    out = io.BytesIO()
    rows = [["甲", "3-2", "=1+1", "990000199602249007", "007", dt.date(1965, 7, 18), 12, None, "a\x00b"]]
    done = []
    write_xlsx(out, list("abcdefghi"), rows, title="名单[1]", progress=done.append)
    sheet = load_workbook(io.BytesIO(out.getvalue())).active
    read = [cell.value for cell in sheet[2]]
    assert read[:5] == ["甲", "3-2", "=1+1", "990000199602249007", "007"]
    assert [cell.data_type for cell in sheet[2]][:5] == ["s"] * 5
    assert (read[5].date(), read[6], read[8]) == (dt.date(1965, 7, 18), 12, "ab")
    assert sheet.freeze_panes == "A2"
    assert done == [1]


def test_delimiters_are_all_tried():
    assert [source.delimiter for source in sources.open_source(io.BytesIO(b"a"), Limits())] == list(sources.DELIMITERS)
