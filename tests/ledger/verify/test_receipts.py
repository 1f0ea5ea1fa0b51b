"""Trees and digests are made as everybody makes them; a receipt is good for a stranger, and only as handed out."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger.tampering import ids
from timebank.ledger import services as ledger
from timebank.ledger.canon import key_uuid, merkle_path, merkle_root, node_hash, parse_digest, short_digest
from timebank.ledger.models import Transfer, Unsealed
from timebank.ledger.selectors.proofs import receipt_holds, receipt_of, receipt_text
from timebank.ledger.types import Leg, TransferSpec

SCRIPT = Path(ledger.__file__).parents[1] / "static" / "ledger" / "check_receipt.py"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 33])
def test_every_leaf_has_a_path_to_the_root(size):
    leaves = [bytes([n]) * 32 for n in range(size)]
    root = merkle_root(leaves)
    for place, leaf in enumerate(leaves):
        node = leaf
        for side, other in merkle_path(leaves, place):
            node = node_hash(other, node) if side == "L" else node_hash(node, other)
        assert node == root
    assert len({merkle_root(leaves[:n]) for n in range(1, size + 1)}) == size


def test_digest_reads_back_even_with_lookalike_letters():
    digest = short_digest(128, "f0" * 32)
    assert parse_digest(digest) == (128, "f0" * 10)
    assert parse_digest(f" {digest.lower()} ") == (128, "f0" * 10)
    assert parse_digest("7-OOOO-1111-llll-IIII") == parse_digest("7-0000-1111-1111-1111")
    for wrong in ("", "x", "1-ABC", "1-UUUU-UUUU-UUUU-UUUU", "²-0000-0000-0000-0000", "-1-0000-0000-0000-0000"):
        with pytest.raises(ValueError):
            parse_digest(wrong)


def test_receipt_is_good_for_a_stranger_and_bad_after_any_change(books, tmp_path):
    first = ids(Transfer)[1]
    receipt = receipt_of(first)
    assert receipt_holds(receipt)
    file = tmp_path / "receipt.json"

    def script(content, *more):
        file.write_text(json.dumps(content), encoding="utf-8")
        return subprocess.run([sys.executable, SCRIPT, file, *more], capture_output=True, text=True, check=False)

    done = script(receipt, receipt["digest"])
    assert done.returncode == 0
    assert done.stdout == f"GOOD {receipt['transfer']['uuid']} is in seal {receipt['digest']}\n"
    assert script(receipt, short_digest(1, "00" * 32)).returncode == 1
    for change in ({"memo": "forged"}, {"posted_at": "2001-01-01"}, {"postings": []}):
        forged = {**receipt, "transfer": {**receipt["transfer"], **change}}
        assert not receipt_holds(forged)
        assert script(forged).returncode == 1
    other = {**receipt, "seal": {**receipt["seal"], "count": 1}}
    assert not receipt_holds(other)
    assert script(other, receipt["digest"]).returncode == 1
    assert json.loads(receipt_text(first)) == receipt
    assert receipt_of(ids(Unsealed)[0]) is None
    assert len(SCRIPT.read_text().splitlines()) < 35


@pytest.mark.parametrize("nonsense", [{}, {"transfer": 1}, {"transfer": {}, "path": [["L", "zz"]]}, {"path": None}])
def test_nonsense_is_no_receipt(db, nonsense):
    assert not receipt_holds(nonsense)


def test_content_is_hashed_the_same_way_for_ever(db):
    """Golden vectors: a change here breaks every seal and receipt that was ever made."""
    from timebank.ledger.canon import canonical, leaf_hash, request_hash, seal_hash

    assert str(key_uuid("mint:record:77")) == "ab6160dd-79e0-8d65-b00e-d7b71459d252"
    assert canonical({"b": [1, None, "善"], "a": ""}) == b'{"a":"","b":[1,null,"\xe5\x96\x84"]}'
    spec = TransferSpec("k", "mint", (Leg("a", "b", 5, dt.date(2030, 1, 31), "food"),), memo="善集")
    assert request_hash(spec).hex() == "63fe9b06ca2e54c5793449b4444ab2422357a63327c3dc64b3e75646a1a0aafb"
    assert (
        leaf_hash({"id": 1, "postings": [[0, "a", "b", 5]]}).hex()
        == "3860b234d0c571fe8c1923a5da4273d1b08f3f77d722af4676408b9f4a1d1006"
    )
    assert (
        merkle_root([b"a" * 32, b"b" * 32, b"c" * 32]).hex()
        == "0807af2aeef89b418fde7f0855b2b0b0226e29d47dca00124965ad55652d3fe3"
    )
    assert seal_hash({"number": 1}) == "e7f60b2ed1f0b7b8001f09962e3453017b8cd34dc4e9ef6f57d58ac08e86b60c"
    assert short_digest(1, seal_hash({"number": 1})) == "1-WZV0-PBPH-Y2VV-G00Z"
