"""What sealer and verifier read, and the bytes they make of it: the same as the writer's, in another way."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.conftest import SOON
from tests.ledger.test_canon import NAMES, heads, rows, texts
from timebank.ledger import services as ledger
from timebank.ledger.canon import canonical, content, instant, key_uuid, leaf_hash, merkle_root, quoted
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.units import UNIT_NAMES


@given(heads, st.lists(rows, max_size=3))
def test_what_is_read_makes_the_same_bytes_as_the_content_of_a_receipt(head, postings):
    from timebank.ledger.reading import content_text

    long = b"\0" + canonical(content(head, postings, NAMES.__getitem__))
    read = [head["id"], b"", head["actor"], head["effective_on"].isoformat(), head["key"], head["kind"], head["memo"]]
    read += [head["on_behalf_of"], instant(head["posted_at"]), head["reason"], head["refund_of_id"]]
    read += [head["request_hash"], head["reverses_id"], head["rule"], head["source"], head["unit"], str(head["uuid"])]
    lines = []
    for row in postings:
        day = [None if one is None else one.isoformat() for one in (row.debit_expires_on, row.credit_expires_on)]
        line = [row.transfer_id, row.leg, row.debit_id, row.credit_id, row.amount, row.debit_version]
        line += [row.debit_balance, row.credit_version, row.credit_balance, *day, row.debit_restriction]
        lines.append((*line, row.credit_restriction, row.origin_id))
    names = {id_: quoted(name) for id_, name in NAMES.items()}
    assert content_text(tuple(read), UNIT_NAMES[head["unit"]], lines, names).encode() == long


@given(texts)
def test_a_uuid_is_made_of_a_key_in_the_same_way(key):
    from timebank.ledger.reading import uuid_of

    assert uuid_of(key) == str(key_uuid(key))


@given(texts, st.lists(st.integers(0, 12_345), max_size=3), texts)
def test_so_is_that_of_a_key_with_numbers_in_it(before, numbers, after):
    from timebank.ledger.reading import uuid_of

    key = before + ":".join(map(str, numbers)) + after
    assert uuid_of(key) == str(key_uuid(key))


def test_uuids_of_neighbours_are_neighbours_and_no_two_are_the_same():
    uuids = [key_uuid(f"mint:record:{number}") for number in range(700, 1000)]
    assert len(set(uuids)) == 300
    assert [len({one.bytes[:4] for one in uuids[start : start + 100]}) for start in (0, 100, 200)] == [1, 1, 1]
    assert len({one.bytes[:4] for one in uuids}) == 3
    assert {(one.version, one.variant) for one in uuids} == {(8, uuid.RFC_4122)}
    near = {key_uuid(key).bytes[:4] for key in ("a:1", "a:22", "a:", "a:1:22")}
    assert len(near) == 2, "of a number the last two digits are left out, of none more, and what stands beside stays"


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33])
def test_a_tree_that_grows_leaf_by_leaf_has_the_same_root(size):
    from timebank.ledger.verify.seals import Tree

    leaves = [bytes([n]) * 32 for n in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    assert (tree.root(), tree.count) == (merkle_root(leaves).hex(), size)


@pytest.mark.parametrize("microsecond", [0, 100, 999_999])
def test_strange_words_and_round_instants_are_sealed_as_they_were_posted(village, monkeypatch, microsecond):
    """The sealer refuses what it does not read as the writer wrote it; the receipt is made in a third way."""
    from timebank.ledger.reading import read_sealed
    from timebank.ledger.selectors.proofs import receipt_holds, receipt_of
    from timebank.ledger.services import engine

    now = dt.datetime(2031, 1, 2, 3, 4, 5, microsecond, dt.UTC)
    monkeypatch.setattr(engine.timezone, "now", lambda: now)
    words = '善集 "\\ \x7f\x1f\n\u2028 😀'
    legs = (Leg("issuance", "li", 5, dt.date(9999, 12, 31), words[:20]), Leg("issuance", "wang", 7, SOON))
    more = dict.fromkeys(["reason", "memo", "actor", "on_behalf_of", "source", "rule"], words)
    posted = ledger.post(TransferSpec(words, words, legs, **more))
    assert ledger.seal().count == 1
    ((member, read),) = read_sealed(1)
    assert read.named
    receipt = receipt_of(posted.id)
    assert leaf_hash(receipt["transfer"]) == read.leaf == member.leaf
    assert receipt["transfer"]["posted_at"] == f"2031-01-02T03:04:05.{microsecond:06}+00:00"
    assert receipt_holds(receipt)


def test_small_portions_are_read_as_one_large_one(move, monkeypatch):
    from timebank.ledger import reading

    for number in range(11):
        move("issuance", ("li", "wang")[number % 2], 1 + number, until=SOON)
    assert [seal.count for seal in ledger.seal_all(limit=4)] == [4, 4, 3]
    for number in range(5):
        move("issuance", "li", 1 + number)
    sealed, waiting = list(reading.read_sealed(1)), list(reading.read_unsealed(0, None))
    assert [(member.seal, member.position) for member, _read in sealed] == [
        (seal, place) for seal, count in ((1, 4), (2, 4), (3, 3)) for place in range(count)
    ]
    assert all(read.leaf == member.leaf == read.content_hash for member, read in sealed)
    for batch, names in ((1, 1), (2, 2), (3, 50), (11, 3)):
        monkeypatch.setattr(reading, "BATCH", batch)
        monkeypatch.setattr(reading, "NAMES", names)
        assert list(reading.read_sealed(1)) == sealed
        assert [member.seal for member, _read in reading.read_sealed(3)] == [3, 3, 3]
        assert list(reading.read_unsealed(0, None)) == waiting
        assert list(reading.read_unsealed(0, 4)) == waiting[:4]
        assert list(reading.read_unsealed(waiting[1].id, 2)) == waiting[2:4]


def test_ids_far_apart_are_read_one_by_one(move):
    from timebank.ledger import reading

    posted = [move("issuance", "li", 1 + number) for number in range(9)]
    ids = [posted[0].id, posted[8].id]
    assert reading._chosen(ids).startswith("IN")
    assert reading._chosen([one.id for one in posted]).startswith("BETWEEN")
    assert [read.id for read in reading._Reader("default").read(ids)] == ids


def test_no_more_account_keys_are_remembered_than_memory_allows(move, monkeypatch):
    from timebank.ledger import reading

    posted = [move("issuance", to, 1) for to in ("li", "wang", "shop", "bath")]
    monkeypatch.setattr(reading, "NAMES", 2)
    reader = reading._Reader("default")
    for one in posted:
        assert reader.read([one.id])[0].leaf
        assert len(reader.names) == 2


def test_what_was_never_posted_so_has_no_leaf(village):
    from timebank.ledger.reading import _Reader

    read = _Reader("default").read([4711])[0]
    assert (read.id, read.leaf, read.content_hash) == (4711, b"", b"")


@pytest.mark.parametrize("seals", [2, 25])
def test_verifying_costs_the_same_number_of_statements_however_many_seals_and_accounts(move, seals):
    from timebank.ledger.verify import verify

    for _seal in range(seals):
        move("issuance", "shop", 3)
        move("shop", "bath", 2)
        ledger.seal()
    with CaptureQueriesContext(connection) as seen:
        report = verify()
    assert report.clean
    assert report.seals == seals
    assert len(seen) <= 45, len(seen)
