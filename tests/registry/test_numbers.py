"""ID numbers, social credit codes, card numbers."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from timebank.common.input import code as read_code
from timebank.registry import codes, ids, uscc
from timebank.registry.errors import InvalidIdNumber, InvalidUscc

GOOD_ID = "11010519491231002X"


@pytest.mark.parametrize(
    ("_case", "text"),
    [
        ("as printed", GOOD_ID),
        ("small x", "11010519491231002x"),
        ("full width", "１１０１０５１９４９１２３１００２Ｘ"),
        ("spaces", " 110105 19491231 002X "),
        ("a county code that is history", "310103198001010037"),
    ],
)
def test_id_number_is_accepted_and_written_one_way(_case, text):
    assert ids.validate(text) in {GOOD_ID, "310103198001010037"}


@pytest.mark.parametrize(
    ("_case", "text"),
    [
        ("check digit", "110105194912310021"),
        ("a day that never was", "110105194902300020"),
        ("born tomorrow", "110105209912310029"),
        ("17 digits", "11010519491231002"),
        ("15 digits of the old card", "110105491231002"),
        ("letters", "1101051949123100AX"),
        ("order 000", "110105194912310003"),
        ("nothing", ""),
        ("superscript digits", "1101051949123100²X"),
    ],
)
def test_id_number_that_cannot_be_is_refused(_case, text):
    with pytest.raises(InvalidIdNumber) as refusal:
        ids.validate(text)
    assert refusal.value.field == "id_number"
    assert text == "" or text not in str(refusal.value)


def test_id_number_names_the_birth_date():
    assert ids.birth_date(GOOD_ID) == dt.date(1949, 12, 31)


def test_id_number_is_masked_but_for_both_ends():
    assert ids.mask(GOOD_ID) == "110***********002X"


def test_id_number_survives_a_key_rotation(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ID_NUMBER_KEYS = [old]
    token, digest = ids.encrypt(GOOD_ID), ids.digest(GOOD_ID)
    settings.ID_NUMBER_KEYS = [new, old]
    assert GOOD_ID not in token
    assert ids.decrypt(token) == GOOD_ID
    assert ids.digest(GOOD_ID) == digest
    turned = ids.rotate(token)
    settings.ID_NUMBER_KEYS = [new]
    assert ids.decrypt(turned) == GOOD_ID
    assert ids.digest(GOOD_ID) == ids.digest_with(new, GOOD_ID)


@pytest.mark.parametrize(
    "code",
    ["91371082775260043P", "N2371003MF23456720", "54371082MF4567893Q", "93371082MA3C123466", "121200004013590816"],
)
def test_social_credit_code_of_every_kind_of_body_is_right(code):
    assert uscc.check(code).code == code
    assert uscc.verdict(code) == "valid"


@pytest.mark.parametrize("prefix", [d + c for d, cats in uscc.PREFIXES.items() for c in cats])
def test_social_credit_code_accepts_each_published_prefix(prefix):
    head = f"{prefix}371003MF2345672"
    assert uscc.verdict(head + uscc.check_character(head)) == "valid"


@pytest.mark.parametrize(
    ("_case", "text", "reason"),
    [
        ("too long", "91371082775260043P0", "length"),
        ("one wrong character", "91371082775260044P", "check"),
        ("a letter that is not used", "9137108277526004IP", "character"),
        ("no such department", "B1371003MF2345672", "prefix"),
        ("no such category", "98371003MF2345672", "prefix"),
        ("letters for the place", "9137100AMF2345672", "region"),
    ],
)
def test_social_credit_code_that_is_wrong_says_why(_case, text, reason):
    if len(text) == 17:
        text += uscc.check_character(text)
    with pytest.raises(InvalidUscc) as refusal:
        uscc.check(text)
    assert refusal.value.params["reason"] == reason


@pytest.mark.parametrize(
    "text", ["91371082775260043p", "９１３７１０８２７７５２６００４３Ｐ", "9137 1082 7752 6004 3P"]
)
def test_social_credit_code_is_put_right_first(text):
    assert uscc.check(text).code == "91371082775260043P"
    assert uscc.verdict(text) == "valid-after-normalise"


@given(st.text(alphabet=uscc.ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(uscc.ALPHABET))
def test_social_credit_code_catches_every_single_slip(head, place, other):
    code = head + uscc.check_character(head)
    slipped = code[:place] + other + code[place + 1 :]
    assert (uscc.check_character(slipped[:17]) == slipped[17]) == (slipped == code)


def _uscc_file(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "codes.csv"
    path.write_text("\n".join(["code,expected,note", *rows]) + "\n", encoding="utf-8")
    return path


def test_check_uscc_command_counts_and_passes(tmp_path):
    out = StringIO()
    rows = ("91371082775260043P,valid,", "91371082775260043p,valid-after-normalise,", "370000000000000000,invalid,")
    call_command("check_uscc", _uscc_file(tmp_path, *rows), stdout=out)
    assert out.getvalue() == "3 passed, 0 failed\n"


def test_check_uscc_command_names_the_row_and_fails(tmp_path):
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("check_uscc", _uscc_file(tmp_path, "91371082775260043P,invalid,"), stdout=out)
    assert stop.value.code == 1
    assert out.getvalue().splitlines() == [
        "row 2: 91371082775260043P: expected invalid, got valid",
        "0 passed, 1 failed",
    ]


def test_card_numbers_have_no_look_alikes_and_a_check():
    for _ in range(200):
        number = codes.new_card_number()
        assert codes.is_card_number(number)
        assert not set(number) & set("IO012")
        assert read_code(f" {number[:5].lower()} {number[5:]} ") == number


@given(st.integers(0, 9), st.sampled_from(codes.ALPHABET))
def test_card_number_catches_a_wrong_character(place, other):
    number = codes.new_card_number()
    slipped = number[:place] + other + number[place + 1 :]
    assert codes.is_card_number(slipped) == (slipped == number)
