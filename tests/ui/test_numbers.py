"""Whole hundredths and minutes inside, words for people outside."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from timebank.common import numbers


@pytest.mark.parametrize(
    ("_case", "value", "text"),
    [
        ("whole", 12000, "120"),
        ("third of an hour", 83, "0.83"),
        ("trailing zero goes", 1450, "14.5"),
        ("nothing", 0, "0"),
        ("thousands", 123456789, "1,234,567.89"),
        ("minus is a real minus", -550, "\u22125.5"),
        ("below one, minus", -7, "\u22120.07"),
    ],
)
def test_format_points_writes_hundredths(_case, value, text):
    assert numbers.format_points(value) == text


def test_format_points_keeps_places_and_sign_when_asked():
    assert numbers.format_points(1450, places=2) == "14.50"
    assert numbers.format_points(1450, sign=True) == "+14.5"
    assert numbers.format_points(0, sign=True) == "0"


@pytest.mark.parametrize("value", [1.5, Decimal(2), "3", True])
def test_format_points_refuses_anything_but_whole_numbers(value):
    with pytest.raises(TypeError):
        numbers.format_points(value)


@given(st.integers(min_value=-(10**14), max_value=10**14))
def test_parse_points_reads_back_what_was_written(value):
    assert numbers.parse_points(numbers.format_points(value)) == value
    assert numbers.parse_points(numbers.format_points(value, places=2, sign=True)) == value


@pytest.mark.parametrize("text", ["", "abc", "1.234", "1e3", "--1", "1,23", "NaN", "∞", "12 points"])
def test_parse_points_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError):
        numbers.parse_points(text)


def test_parse_points_reads_full_width_digits():
    assert numbers.parse_points(" １２．５ ") == 1250


def test_money_has_two_places_and_reads_back():
    assert numbers.format_money(1234) == "¥12.34"
    assert numbers.format_money(-5) == "\u2212¥0.05"
    assert [numbers.parse_money(text) for text in ("¥12.34", "12.34元", "￥12")] == [1234, 1234, 1200]


def test_decimal_edge_is_exact():
    assert numbers.points_to_decimal(1450) == Decimal("14.50")
    assert numbers.decimal_to_points(Decimal("14.5")) == 1450
    with pytest.raises(ValueError):
        numbers.decimal_to_points(Decimal("0.005"))


@pytest.mark.parametrize(
    ("language", "value", "points", "minutes"),
    [
        ("en", 100, "1 point", "1 h 40 min"),
        ("en", 120, "1.2 points", "2 h"),
        ("en", 45, "0.45 points", "45 min"),
        ("zh-hans", 100, "1 积分", "1 小时 40 分"),
        ("zh-hans", 120, "1.2 积分", "2 小时"),
        ("zh-hans", 45, "0.45 积分", "45 分钟"),
    ],
)
def test_units_follow_the_language(language, value, points, minutes):
    with override(language):
        assert numbers.format_points_with_unit(value) == points
        assert numbers.format_minutes(value) == minutes
