"""What people type is read in every spelling; what no person types is refused, never an exception of another kind."""

from __future__ import annotations

import datetime as dt
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.common import input as read
from timebank.common.input import RAISE, InvalidInput

TODAY = dt.datetime(2026, 11, 28, 4, 0, tzinfo=dt.UTC)


@pytest.fixture
def today(time_machine):
    time_machine.move_to(TODAY, tick=False)


# -- Text --------------------------------------------------------------------------------------------------------------
def test_every_control_format_and_surrogate_is_dropped_and_no_ideograph_is():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        kind = unicodedata.category(character)
        if kind in {"Cc", "Cf", "Cs"}:
            assert read.clean_text(f"x{character}y") in {"xy", "x y"}, hex(number)
        elif kind == "Co" or 0x3400 <= number <= 0x9FFF or 0xF900 <= number <= 0xFAFF or 0x20000 <= number <= 0x3FFFD:
            assert read.clean_text(character) == character, hex(number)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  王\u3000小明 ", "王 小明"),
        ("ＡＢ１２", "AB12"),
        ("帮邻居收玉米，两小时。（下午）", "帮邻居收玉米，两小时。（下午）"),  # Chinese punctuation is right in Chinese
        ("a\tb\r\nc", "a b c"),
        ("\u202d善集\u202c\ufeff\u200b", "善集"),
        ("e\u0301", "é"),
        ("\ud83d 半", "半"),
        (None, ""),
        (12, "12"),
    ],
)
def test_text_is_kept_clean(typed, kept):
    assert read.clean_text(typed) == kept


def test_lines_are_kept_where_asked():
    assert read.clean_text(" 一 \r\n\r\n\r\n\r\n二\u2028三\v ", lines=True) == "一\n\n二\n三"


def test_text_is_cut_where_asked_and_long_text_costs_no_more():
    assert read.clean_text("一二 三四", most=3) == "一二"
    assert read.clean_text("x" * 10_000_000, most=40) == "x" * 40


@given(st.text())
def test_cleaning_twice_changes_nothing_and_the_result_can_be_kept(text):
    clean = read.clean_text(text, lines=True)
    assert read.clean_text(clean, lines=True) == clean
    assert "\0" not in clean
    clean.encode()
    assert read.clean_text(read.clean_text(text)) == read.clean_text(text)
    assert read.fold(read.fold(text)) == read.fold(text)


@given(st.text())
def test_what_is_compared_does_not_depend_on_how_it_was_kept(text):
    assert read.fold(read.clean_text(text)) == read.fold(text)
    assert read.fold(read.person_name(text, most=1000)) == read.fold(text)


@pytest.mark.parametrize("dot", "·•・‧∙⋅･．.")
def test_names_with_a_dot_are_one_name(dot):
    typed = f"阿卜杜拉{dot}买买提"
    assert read.fold(typed) == read.fold("阿卜杜拉买买提") == read.fold("阿卜杜拉 · 买买提")
    if dot not in "．.":
        assert read.person_name(typed) == "阿卜杜拉·买买提"


def test_names_are_kept_as_people_are_called():
    assert read.person_name("王 小\u3000明") == "王小明"
    assert read.person_name("Aliya  Tursun") == "Aliya Tursun"
    assert read.person_name("𠮷田") == "𠮷田"
    assert read.fold("Lǐ Míng") == read.fold("li ming")


# -- Numbers that people write in groups -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed",
    [
        "13800001234",
        "\u202d13800001234\u202c",
        "\u2066+86 138 0000 1234\u2069",
        "138\u200b0000\u200b1234",
        "\ufeff13800001234",
        "138–0000–1234",
        "138—0000—1234",
        "138‑0000−1234",
        "138.0000.1234",
        "138。0000。1234",
        "138·0000·1234",
        "138•0000・1234",
        "8613800001234",
        "+8613800001234",
        "(+86) 138-0000-1234",
        "0086 138 0000 1234",
        "＋８６１３８００００１２３４",
        "１３８００００１２３４",
        "138\u00a00000\u20091234",
        "138_0000/1234",
        "'13800001234",
        "١٣٨٠٠٠٠١٢٣٤",
        "1\u0000380000\u00ad1234",
    ],
)
def test_a_mobile_number_is_read_in_every_spelling(typed):
    assert read.phone(typed) == "13800001234"


@pytest.mark.parametrize("typed", ["", None, " ", "\u200b", "-"])
def test_no_number_is_no_number(typed):
    assert read.phone(typed) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "1380000123", "138000012345", "12800001234", "1.380000E+10", "1380000123²", "1380000123①", "+113800001234",
        "13800001234a", "８６", "无", "8" * 100_000, "+85213800001234", "00861380000123",
    ],
)  # fmt: skip
def test_what_is_no_mobile_number_is_refused(typed):
    with pytest.raises(InvalidInput) as refused:
        read.phone(typed)
    assert (refused.value.code, refused.value.field) == ("invalid_phone", "phone")


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("12", "12"), ("１２", "12"), (" 12 ", "12"), ("12号", "12"), ("12 號", "12"), ("012", "12"), ("No. 12", "12"),
        ("№12", "12"), ("#12", "12"), ("3-2", "3-2"), ("3–2", "3-2"), ("３－２", "3-2"), ("3 — 02号", "3-2"),
        ("12a", "12A"), ("B座 302", "B座302"), ("12\u200b", "12"), ("٣", "3"), ("0", "0"), ("", ""), (None, ""),
        ("100", "100"), ("3号楼2单元", "3号楼2单元"),
    ],
)  # fmt: skip
def test_household_numbers_have_one_form(typed, form):
    assert read.household_number(typed) == form
    assert read.household_number(form) == form


@pytest.mark.parametrize(
    "typed",
    [
        "37108219490101001X",
        "37I0821949O1O1OO1x",
        "371082 19490101 001Х",
        "３７１０８２-19490101-００１×",
        "37l08219490101001*",
    ],
)
def test_id_numbers_are_read_with_letters_that_look_like_digits(typed):
    assert read.id_number(typed) == "37108219490101001X"


def test_codes_are_read_in_every_spelling():
    for typed in ("AB37C9", "ab3-7c9", "ａｂ 37 c9", "АВ37С9", "ab·37–c9\u200b", "AB37C9\ufeff"):
        assert read.code(typed) == "AB37C9"
    assert read.code("AB²C①") == "AB²C①"
    assert read.digits("2345 678–901") == "2345678901"
    assert read.digits("2345a") == read.digits("12²") == read.digits(None) == ""
    assert read.email(" Ａnna@Example.org\u200b") == "anna@example.org"
    assert (read.cell("'371082"), read.cell("371082.0"), read.cell("3.71082E+11")) == (
        "371082",
        "371082",
        "3.71082E+11",
    )


# -- Readers -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12), (" １２ ", 12), ("−3", -3), ("+4", 4), (7, 7), ("٣", 3), ("000", 0), ("9" * 18, 10**18 - 1)],
)
def test_whole_numbers_are_read(value, number):
    assert read.read_int(value, least=-10) == number


NO_NUMBER = [
    "²",
    "①",
    "Ⅷ",
    "八",
    "",
    None,
    "1.0",
    "1e3",
    "0x1",
    "1_000",
    "9" * 19,
    "9" * 5000,
    "1\n2",
    True,
    [],
    b"1",
    "٣٫٥",
]


@pytest.mark.parametrize("value", NO_NUMBER)
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(InvalidInput):
        read.read_int(value)
    assert read.read_int(value, default=None) is None


def test_numbers_are_bounded():
    for value in ("0", "10", -1, 10**30):
        with pytest.raises(InvalidInput) as refused:
            read.read_int(value, 1, 9)
        assert refused.value.code == "number_out_of_range"
    assert read.read_int("9", 1, 9) == 9


def test_keys_of_rows_fit_the_database():
    assert read.read_id(str(2**63 - 1)) == 2**63 - 1
    for value in ("0", "-1", str(2**63), "9" * 5000, "²", "", None, "1.0", "٣" * 30):
        assert read.read_id(value) is None
        assert read.read_id(value, 0) == 0
    assert read.read_ids(["3", "x", "3", "1"]) == [3, 1]
    assert read.read_ids(["1", "2", "3"], most=2) == [1, 2]


def test_pages_are_bounded():
    assert [read.read_page(value) for value in ("2", "0", "-1", "²", "", None, "x")] == [2, 1, 1, 1, 1, 1, 1]
    assert read.read_page("999999999") == read.LAST_PAGE
    assert read.read_page("9" * 5000) == 1


@pytest.mark.parametrize(
    "value",
    ["2026-11-03", "2026/11/3", "2026.11.03", "2026年11月3日", "20261103", "２０２６－１１－０３", "2026–11–03",
     dt.date(2026, 11, 3), dt.datetime(2026, 11, 3, 9)],  # noqa: DTZ001
)  # fmt: skip
def test_days_are_read_as_people_write_them(today, value):
    assert read.read_date(value) == dt.date(2026, 11, 3)


NO_DAY = [
    "",
    None,
    "yesterday",
    "2026-02-30",
    "2026-13-01",
    "0000-01-01",
    "2026-1",
    "²026-01-01",
    "2026-11-03T09:00",
    "9" * 5000,
]
FAR = ["9999-12-31", "0001-01-01", "1906-11-27", "2028-11-29", dt.date.max, dt.date.min]


@pytest.mark.parametrize("value", NO_DAY + FAR)
def test_what_is_no_day_near_us_is_refused(today, value):
    with pytest.raises(InvalidInput):
        read.read_date(value)
    assert read.read_date(value, default=None) is None


def test_days_are_bounded_where_asked(today):
    first, last = dt.date(2026, 11, 1), dt.date(2026, 11, 30)
    assert read.read_date("2026-11-30", first, last) == last
    for value in ("2026-10-31", "2026-12-01"):
        with pytest.raises(InvalidInput, match="2026-11-01"):
            read.read_date(value, first, last)
    assert read.read_date("1906-11-28") == dt.date(1906, 11, 28)
    assert read.read_date("2028-11-28") == dt.date(2028, 11, 28)


@pytest.mark.parametrize(
    "value",
    ["2026-11-28T09:30", "2026-11-28 09:30:00", "2026/11/28 9:30", "2026年11月28日 ９：30", "2026-11-28T01:30Z",
     "2026-11-28T09:30:00.5+08:00", "2026-11-27T20:30-0500", dt.datetime(2026, 11, 28, 1, 30, tzinfo=dt.UTC)],
)  # fmt: skip
def test_instants_are_read_by_the_clock_of_the_village(today, value):
    assert read.read_datetime(value) == dt.datetime(2026, 11, 28, 1, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    ["", None, "2026-11-28", "2026-11-28T25:00", "2026-11-28T09:60", "9999-12-31T23:59-08:00", "0001-01-01T00:00+08:00",
     "2026-11-28T09:30+99:00", "2026-11-28T09:30²", dt.datetime.max, dt.datetime.min],  # noqa: DTZ901
)  # fmt: skip
def test_what_is_no_instant_near_us_is_refused(today, value):
    with pytest.raises(InvalidInput):
        read.read_datetime(value)
    assert read.read_datetime(value, default=None) is None


def test_choices_and_texts_are_read():
    assert read.read_choice("csv", {"csv", "xlsx"}) == "csv"
    assert read.read_choice("ＣＳＶ".lower(), ["csv"], "page") == "csv"
    assert read.read_choice("pdf", ["csv"], "page") == "page"
    assert read.read_choice(None, ["csv"]) == ""
    assert read.read_text("\0q\0", most=40) == "q"
    assert read.read_text(None, default="?") == "?"


@given(
    st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.datetimes(), st.lists(st.integers()))
)
def test_no_reader_raises_anything_else(value):
    for reader in (read.read_int, read.read_date, read.read_datetime):
        for default in (RAISE, None):
            try:
                reader(value, default=default)
            except InvalidInput:
                assert default is RAISE
    for function in (
        read.read_id, read.read_page, read.read_text, read.clean_text, read.fold, read.person_name, read.digits,
        read.code, read.id_number, read.household_number, read.email, read.cell,
    ):  # fmt: skip
        function(value)
    try:
        read.phone(value)
    except InvalidInput:
        pass
