"""A finding names the promise, the table, the row and what is wrong, in words that stay the same."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection

from tests.ledger.conftest import LATER, SOON
from tests.ledger.tampering import off, on, tamper
from timebank.ledger import services as ledger
from timebank.ledger.canon import leaf_hash, merkle_root, seal_hash, short_digest
from timebank.ledger.models import Account, Anchor, Checkpoint, Seal, SealMember, Transfer, Unsealed
from timebank.ledger.reading import read_content
from timebank.ledger.services.sealing import checkpoints_hash, header
from timebank.ledger.verify import seals, verify
from timebank.ledger.verify.report import Finding

pytestmark = pytest.mark.breaks_ledger("on purpose")


@pytest.fixture
def books(move):
    """Three seals of two transfers each, and two transfers that wait."""
    for number in range(3):
        move("issuance", "li", 100 + number, until=SOON)
        move("li", "shop", 10 + number)
        ledger.seal()
    move("shop", "bath", 5)
    move("issuance", "wang", 7, until=LATER)
    assert found() == []


def found(**how):
    return [(one.promise, one.table, one.row, one.what) for one in verify(**how).findings]


def rewrite(number, **changes):
    """Change a seal as a forger would who also makes its hash anew."""
    off()
    seal = Seal.objects.get(number=number)
    for name, value in changes.items():
        setattr(seal, name, value)
    seal.hash = seal_hash(header(seal))
    Seal.objects.filter(number=number).update(hash=seal.hash, **changes)
    on()


def account(key):
    return Account.objects.get(key=key).pk


# -- The chain ---------------------------------------------------------------------------------------------------------
def test_a_missing_seal_is_a_gap_and_its_transfers_are_strangers(books):
    members = list(SealMember.objects.filter(seal_id=2).order_by("pk").values_list("pk", flat=True))
    tamper("DELETE FROM ledger_seal WHERE number = 2")
    assert sorted(one for one in found() if one[0] == 7) == [
        (7, "seal", "2", "is missing: the chain has a gap"),
        (7, "seal", "3", "does not follow from the seal before it"),
        *((7, "sealmember", str(id), "belongs to seal 2, which does not exist") for id in members),
    ]


def test_the_first_seals_missing_are_one_gap(books):
    tamper("DELETE FROM ledger_seal WHERE number < 3")
    assert [one for one in found() if one[1] == "seal"] == [
        (7, "seal", "1", "is missing: the chain has a gap"),
        (7, "seal", "3", "does not follow from the seal before it"),
    ]


def test_a_seal_rewritten_with_its_hash_breaks_the_next_one(books):
    rewrite(1, sealed_at=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
    assert found() == [(7, "seal", "2", "does not follow from the seal before it")]


def test_the_last_seal_rewritten_is_seen_only_from_outside(books):
    old = Seal.objects.get(number=3)
    known = short_digest(3, old.hash)
    rewrite(3, sealed_at=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
    assert found() == []
    said = "is not the one that was made known outside: history was rewritten"
    assert found(digests=[known]) == [(7, "seal", "3", said)]


def test_a_first_seal_that_follows_another_history_is_found(books):
    rewrite(1, previous_hash="ab" * 32)
    assert found()[0] == (7, "seal", "1", "does not follow from the seal before it")


def test_a_header_that_is_not_what_was_hashed_is_found(books):
    tamper("UPDATE ledger_seal SET sealed_at = '2001-01-01 00:00:00+00' WHERE number = 3")
    assert found() == [(7, "seal", "3", "its hash is not the hash of its header")]


def test_another_root_is_found(books):
    rewrite(3, root="cd" * 32)
    assert found() == [(7, "seal", "3", "its transfers do not make its root: one was changed or moved")]


def test_other_totals_are_found(books):
    rewrite(3, totals='{"PTS":1}')
    assert found() == [(7, "seal", "3", "its totals are not those of its transfers")]


def test_another_count_is_found(books):
    rewrite(3, count=3)
    assert found() == [(7, "sealmember", "3/2", "a transfer was taken out of this seal, or put in")]


def test_a_seal_without_any_transfer_is_found(books):
    tamper("DELETE FROM ledger_sealmember WHERE seal_id = 2")
    assert (7, "seal", "2", "all its transfers are missing") in found()
    assert not [one for one in found() if one[1] == "checkpoint"]


@pytest.mark.parametrize(("place", "row"), [(0, "2/0"), (1, "2/1")])
def test_a_transfer_taken_out_of_a_seal_is_found(books, place, row):
    tamper(f"DELETE FROM ledger_sealmember WHERE seal_id = 2 AND position = {place}")
    said = [one for one in found() if one[1] == "sealmember"]
    assert said == [(7, "sealmember", row, "a transfer was taken out of this seal, or put in")]


def test_signatures_are_looked_at_only_with_the_key_and_where_there_is_one(move, settings):
    settings.LEDGER_SEAL_KEY = ""
    move("issuance", "li", 1)
    ledger.seal()
    settings.LEDGER_SEAL_KEY = "11" * 32
    move("issuance", "li", 1)
    ledger.seal()
    assert found() == []
    settings.LEDGER_SEAL_KEY = "22" * 32
    assert found() == [(7, "seal", "2", "its signature is not ours")]
    settings.LEDGER_SEAL_KEY = ""
    assert found() == []
    del settings.LEDGER_SEAL_KEY
    assert found() == []


# -- Transfers under seal and waiting ----------------------------------------------------------------------------------
def test_a_changed_transfer_is_named_with_its_place(books):
    ids = list(SealMember.objects.filter(seal_id=2).order_by("position").values_list("pk", flat=True))
    tamper(f"UPDATE ledger_transfer SET memo = 'other' WHERE id IN ({ids[0]}, {ids[1]})")
    assert found() == [
        (7, "transfer", str(ids[0]), "is not what was sealed (seal 2, place 0)"),
        (7, "transfer", str(ids[1]), "is not what was sealed (seal 2, place 1)"),
    ]


def test_a_removed_transfer_is_named_with_its_place(books):
    id = SealMember.objects.get(seal_id=3, position=1).pk
    tamper(f"DELETE FROM ledger_transfer WHERE id = {id}")
    assert (7, "transfer", str(id), "is sealed but was removed (seal 3, place 1)") in found()


def test_a_forged_uuid_is_found_though_all_hashes_fit(books):
    member = SealMember.objects.get(seal_id=3, position=0)
    forged = "00000000-0000-8000-8000-000000000001"
    off()
    Transfer.objects.filter(pk=member.pk).update(uuid=forged)
    leaf = leaf_hash(read_content(member.pk))
    Transfer.objects.filter(pk=member.pk).update(content_hash=leaf)
    SealMember.objects.filter(pk=member.pk).update(leaf=leaf)
    leaves = [
        bytes(one) for one in SealMember.objects.filter(seal_id=3).order_by("position").values_list("leaf", flat=True)
    ]
    on()
    rewrite(3, root=merkle_root(leaves).hex())
    assert found() == [(7, "transfer", str(member.pk), "its uuid is not made from its key (seal 3, place 0)")]


def test_a_transfer_that_waits_is_checked_against_its_own_hash(books):
    first, second = Unsealed.objects.order_by("pk").values_list("pk", flat=True)
    tamper(f"UPDATE ledger_transfer SET memo = 'other' WHERE id = {second}")
    assert found() == [(7, "transfer", str(second), "is not what was posted")]
    assert found(since=first) == [(7, "transfer", str(second), "is not what was posted")]
    assert found(since=second) == [(7, "transfer", str(second), "is not what was posted")]  # what waits is always read


def test_an_account_that_is_gone_is_found(books):
    bath = account("bath")
    tamper(f"DELETE FROM ledger_account WHERE id = {bath}")
    waiting = Unsealed.objects.order_by("pk").first().pk
    assert (7, "transfer", str(waiting), "is not what was posted") in found()


# -- Checkpoints -------------------------------------------------------------------------------------------------------
def checkpoint(seal, key):
    return Checkpoint.objects.get(seal_id=seal, account_id=account(key))


def rehash_checkpoints(number):
    rows = Checkpoint.objects.filter(seal_id=number).values_list("account_id", "debit_total", "credit_total")
    rewrite(number, checkpoints_hash=checkpoints_hash(rows))


@pytest.mark.parametrize("change", ["debit_total = debit_total + 1", "credit_total = credit_total + 1"])
def test_a_changed_checkpoint_is_found_by_its_hash_and_by_its_sum(books, change):
    row = checkpoint(3, "shop")
    tamper(f"UPDATE ledger_checkpoint SET {change} WHERE id = {row.pk}")
    wrong = (6, "checkpoint", f"account {row.account_id} at seal 3", "is not what the transfers make")
    assert found() == [(7, "checkpoint", "seal 3", "a checkpoint was changed, removed or added"), wrong]
    rehash_checkpoints(3)
    assert found() == [wrong]


def test_an_early_checkpoint_that_was_changed_breaks_the_next_one_too(books):
    row = checkpoint(2, "issuance")
    tamper(f"UPDATE ledger_checkpoint SET debit_total = debit_total + 1 WHERE id = {row.pk}")
    said = [one[2] for one in found() if one[0] == 6]
    assert said == [f"account {row.account_id} at seal 2", f"account {row.account_id} at seal 3"]


def test_a_missing_checkpoint_is_found(books):
    row = checkpoint(3, "shop")
    tamper(f"DELETE FROM ledger_checkpoint WHERE id = {row.pk}")
    rehash_checkpoints(3)
    assert found() == [(6, "checkpoint", f"account {row.account_id} at seal 3", "is missing")]


def test_a_checkpoint_of_an_account_that_did_not_move_is_found(books):
    bath = account("bath")
    tamper(
        f"INSERT INTO ledger_checkpoint (account_id, seal_id, debit_total, credit_total) VALUES ({bath}, 3, 0, 1)",
    )
    rehash_checkpoints(3)
    assert found() == [(6, "checkpoint", f"account {bath} at seal 3", "is not what the transfers make")]


# -- From outside ------------------------------------------------------------------------------------------------------
def test_what_was_made_known_is_compared(books):
    ledger.anchor(number=2, place="notice board")
    ledger.anchor(number=3, place="mail")
    assert found() == []
    off()
    Anchor.objects.filter(place="mail").update(digest=short_digest(2, Seal.objects.get(number=2).hash))
    on()
    assert found() == [(7, "seal", "3", "is not the one that was made known at mail")]


@pytest.mark.parametrize(
    ("digest", "row", "what"),
    [
        ("hello", "hello", "is not a digest"),
        ("4-0000-0000-0000-0000", "4", "was made known outside but does not exist here: the end was cut off"),
        ("3-0000-0000-0000-0000", "3", "is not the one that was made known outside: history was rewritten"),
    ],
)
def test_a_digest_that_does_not_fit_says_why(books, digest, row, what):
    good = short_digest(3, Seal.objects.get(number=3).hash)
    assert found(digests=[good]) == []
    assert found(digests=[good, digest]) == [(7, "seal", row, what)]


# -- The run -----------------------------------------------------------------------------------------------------------
def test_a_missing_trigger_is_named(books):
    from timebank.ledger import guards

    off(tables=["ledger_anchor"])
    gone = guards.missing()
    said = found()
    on()
    assert gone
    assert said == [
        (2, table, name, "what refuses changes is missing or not as it was written") for table, name in gone
    ]


@pytest.mark.parametrize(("most", "many"), [(1, 1), (2, 2), (3, 3), (None, 3)])
def test_only_the_first_wrong_rows_of_a_kind_are_named(move, most, many):
    for number in range(4):
        ledger.open_account(key=f"poor:{number}", kind="wallet")
        move("issuance", f"poor:{number}", 10)
    tamper("UPDATE ledger_account SET debt = debt + 1 WHERE key LIKE 'poor%'")
    ids = sorted(
        Account.objects.filter(key__startswith="poor", guarded=True).exclude(debt=0).values_list("pk", flat=True)
    )
    said = found() if most is None else found(most=most)
    assert [one[:3] for one in said] == [(6, "account", str(id)) for id in ids[:many]]
    assert said[0][3] == "owes another debt than its postings make: poor:0"


def test_only_so_many_strangers_are_named(books):
    tamper("DELETE FROM ledger_seal")
    said = [one[2] for one in found(most=2) if one[1] == "sealmember"]
    assert said == [str(id) for id in SealMember.objects.order_by("pk").values_list("pk", flat=True)[:2]]


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 100])
def test_portions_of_any_size_find_the_same(books, monkeypatch, chunk):
    monkeypatch.setattr(seals, "CHUNK", chunk)
    report = verify()
    assert (report.clean, report.transfers, report.postings, report.seals, report.unsealed) == (True, 8, 8, 3, 2)
    changed = [SealMember.objects.get(seal_id=number, position=1).pk for number in (1, 3)]
    changed.append(Unsealed.objects.order_by("-pk").first().pk)
    tamper(f"UPDATE ledger_transfer SET memo = 'other' WHERE id IN ({', '.join(map(str, changed))})")
    assert [one[2] for one in found()] == [str(id) for id in changed]


def test_what_was_verified_before_is_not_looked_at_again_but_the_chain_is(books):
    second = list(SealMember.objects.filter(seal_id=2).order_by("pk").values_list("pk", flat=True))
    everything, later, latest = verify(), verify(since=second[0]), verify(since=second[1] + 1)
    # a seal that holds a later transfer is looked at whole, and what waits always: a low id may be committed late
    assert (everything.transfers, later.transfers, latest.transfers) == (8, 6, 4)
    assert (everything.seals, later.seals, latest.seals) == (3, 3, 3)
    last = Transfer.objects.latest("pk").pk
    assert [one.last_transfer_id for one in (everything, later, latest)] == [last] * 3
    assert everything.last_digest == short_digest(3, Seal.objects.get(number=3).hash)
    assert (everything.since, later.since) == (0, second[0])
    tamper(f"UPDATE ledger_transfer SET memo = 'other' WHERE id = {second[1]}")
    assert found(since=second[1] + 1) == []
    assert [one[2] for one in found(since=second[0])] == [str(second[1])]


def test_an_empty_ledger_goes_on_from_where_it_was_told(db):
    report = verify(since=5)
    assert (report.clean, report.last_transfer_id, report.last_digest, report.transfers) == (True, 5, "", 0)


def test_a_finding_reads_as_a_sentence():
    assert str(Finding(7, "seal", "3", "is gone")) == "promise 7: seal 3: is gone"


def test_the_run_is_timed_and_dated(books, time_machine):
    noon = dt.datetime(2100, 5, 4, 4, 0, tzinfo=dt.UTC)
    time_machine.move_to(noon, tick=False)
    report = verify()
    assert report.started_at == noon
    assert 0 <= report.seconds < 60
    assert report.seconds == round(report.seconds, 3)
    assert connection.in_atomic_block
