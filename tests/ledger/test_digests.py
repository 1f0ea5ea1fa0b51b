"""Digests as people copy them from a board, and paths as a stranger's script reads them."""

from __future__ import annotations

import hashlib

import pytest

from timebank.ledger.canon import merkle_path, merkle_root, node_hash, parse_digest, short_digest

HASH = "0123456789abcdef" * 4
DIGEST = short_digest(128, HASH)


@pytest.mark.parametrize(
    "written",
    [
        DIGEST,
        DIGEST.lower(),
        f"  {DIGEST}\n",
        DIGEST.replace("-", " - "),
        DIGEST[:4] + DIGEST[4:].replace("-", ""),
        DIGEST[:4] + DIGEST[4:].replace("-", " "),
        DIGEST.replace("0", "O"),
    ],
    ids=["as printed", "small", "padded", "wide", "in one", "in words", "lookalikes"],
)
def test_a_digest_is_read_however_it_was_copied(written):
    assert parse_digest(written) == (128, HASH[:20])


def test_every_letter_of_a_digest_counts():
    head, _, letters = DIGEST.partition("-")
    for place, letter in enumerate(letters):
        if letter != "-":
            other = f"{head}-{letters[:place]}{'Z' if letter != 'Z' else 'Y'}{letters[place + 1 :]}"
            assert parse_digest(other)[0] == 128
            assert parse_digest(other)[1] != HASH[:20]


def test_a_digest_is_the_number_and_four_times_four_letters():
    assert DIGEST == "128-04HM-ASW9-NF6Y-Y093"
    assert short_digest(1, "f" * 64) == "1-ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert parse_digest("1-ZZZZ-ZZZZ-ZZZZ-ZZZZ") == (1, "f" * 20)
    assert parse_digest("1-0000-0000-0000-0001") == (1, "0" * 19 + "1")


@pytest.mark.parametrize(
    "text", ["", "-", "128", "128-", "x-0000-0000-0000-0000", "1-0000-0000-0000-000", "1-0000-0000-0000-00000"]
)
def test_what_lacks_a_part_is_no_digest(text):
    with pytest.raises(ValueError):
        parse_digest(text)


def test_a_path_names_each_neighbour_and_its_side():
    a, b, c, d, e = (hashlib.sha256(letter).digest() for letter in (b"a", b"b", b"c", b"d", b"e"))
    ab, cd = node_hash(a, b), node_hash(c, d)
    leaves = [a, b, c, d, e]
    assert merkle_path(leaves, 0) == [("R", b), ("R", cd), ("R", e)]
    assert merkle_path(leaves, 1) == [("L", a), ("R", cd), ("R", e)]
    assert merkle_path(leaves, 2) == [("R", d), ("L", ab), ("R", e)]
    assert merkle_path(leaves, 4) == [("L", node_hash(ab, cd))]
    assert merkle_path([a], 0) == []
    assert merkle_root(leaves) == node_hash(node_hash(ab, cd), e)
    assert node_hash(a, b) == hashlib.sha256(b"\x01" + a + b).digest()
