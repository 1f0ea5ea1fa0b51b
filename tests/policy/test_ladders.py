"""Ladders: ends, gaps, and the way to the next star."""

from __future__ import annotations

from dataclasses import replace

import pytest

from timebank.policy import codec, published
from timebank.policy.ladders import Gap, level_of, next_level

STARS = published.ladder("wendeng_rural_star")
LETTERS = published.ladder("wendeng_individual")


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (106_001, "五星"),
        (106_000, "四星"),
        (104_001, "四星"),
        (104_000, "三星"),
        (102_000, "二星"),
        (80_000, "零星"),
        (-5, "零星"),
    ],
)
def test_stars_are_open_below_and_closed_above(score: int, label: str):
    level = level_of(STARS, score)
    assert level is not None
    assert level.label == label


def test_gap_between_integer_bands_is_undefined_until_the_scheme_chooses():
    assert level_of(LETTERS, 104_950) is None
    assert level_of(replace(LETTERS, gap=Gap.LOWER), 104_950).label == "AA"
    assert level_of(replace(LETTERS, gap=Gap.UPPER), 104_950).label == "AAA"


def test_next_level_says_what_is_missing():
    level, missing = next_level(STARS, 101_900)
    assert (level.label, missing) == ("三星", 101)
    level, missing = next_level(LETTERS, 102_900)
    assert (level.label, missing) == ("AA", 100)
    assert next_level(STARS, 106_001) is None


def test_every_published_ladder_loads_and_survives_storage():
    codes = published.ladder_codes()
    assert "volunteer_star_hours" in codes
    for code in codes:
        ladder = published.ladder(code)
        assert codec.ladder_from_json(codec.ladder_to_json(ladder)) == ladder
        assert [level.low is None for level in ladder.levels].count(True) <= 1


def test_unknown_ladder_is_an_error():
    with pytest.raises(KeyError):
        published.ladder("nobody")


def test_star_discounts_rise_with_the_star():
    shown = {level.star: level.discount_percent for level in STARS.levels}
    assert shown == {5: 20, 4: 10, 3: 5, 2: 0, 1: 0, 0: 0}
