from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.rewards import codes


def test_new_code_is_ten_readable_characters_with_a_check():
    for _ in range(300):
        code = codes.new_code()
        assert len(code) == 10
        assert set(code) <= set(codes.ALPHABET)
        assert codes.is_valid(code)
        assert not any(word in code for word in codes.BAD_WORDS)


@given(st.integers(0, 9), st.sampled_from(codes.ALPHABET))
def test_one_wrong_character_is_always_noticed(place, character):
    code = codes.new_code()
    wrong = code[:place] + character + code[place + 1 :]
    assert codes.is_valid(wrong) == (wrong == code)


@given(st.integers(0, 8))
def test_swapped_neighbours_are_always_noticed(place):
    code = codes.new_code()
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert codes.is_valid(swapped) == (swapped == code)


@pytest.mark.parametrize(
    "typed",
    [
        "ABCDEFGHJK",
        "abc def ghjk",
        "abc-def-ghjk",
        "ＡＢＣＤＥＦＧＨＪＫ",
        " HTTPS://SHANJI.EXAMPLE/T/ABCDEFGHJK",
        "https://shanji.example/t/abcdefghjk/",
        "http://127.0.0.1:8000/t/ABCDEFGHJK/?x=1",
    ],
)
def test_what_people_type_or_scan_is_read_as_one_code(typed):
    assert codes.normalise(typed) == "ABCDEFGHJK"


def test_misread_characters_are_put_right():
    assert codes.normalise("1I25 6") == "LLZSG"


def test_unwanted_words_are_never_drawn(monkeypatch):
    drawn = iter("FUCKFUCKF" + "ABCDEFGHJ" * 3 + "PQRSTUVWX" * 90)
    monkeypatch.setattr(codes.secrets, "choice", lambda _alphabet: next(drawn))
    assert "FUCK" not in codes.new_code()


def test_qr_text_is_an_upper_case_https_address():
    assert codes.qr_text("ABCDEFGHJK") == "HTTPS://SHANJI.EXAMPLE/T/ABCDEFGHJK"
    assert codes.grouped("ABCDEFGHJK") == "ABC DEF GHJK"
