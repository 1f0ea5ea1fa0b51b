"""Whatever is tampered with while the triggers are off is found, and the row is named."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from tests.ledger.tampering import command, ids, off, on, tamper
from timebank.ledger import services as ledger
from timebank.ledger.canon import key_uuid, leaf_hash, short_digest
from timebank.ledger.models import Checkpoint, Posting, Seal, SealMember, Transfer, Unsealed
from timebank.ledger.reading import read_content
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.verify import verify


def test_clean_books_verify(books):
    code, said = command()
    assert code == 0
    assert "verified" in said
    report = verify()
    assert (report.transfers, report.seals, report.unsealed) == (Transfer.objects.count(), 2, 2)
    assert report.postings == Posting.objects.count()
    assert json.loads(command("--json")[1])["clean"] is True


@pytest.mark.breaks_ledger("on purpose")
def test_any_changed_amount_is_found_and_named(books):
    for posting in ids():
        transfer = Posting.objects.get(pk=posting).transfer_id
        tamper(f"UPDATE ledger_posting SET amount = amount + 1 WHERE id = {posting}")
        code, said = command()
        assert code == 1
        assert f"transfer {transfer}:" in said
        tamper(f"UPDATE ledger_posting SET amount = amount - 1 WHERE id = {posting}")
        assert command()[0] == 0


CHANGES = [
    ("UPDATE ledger_transfer SET memo = 'other' WHERE id = {first}", "transfer {first}:"),
    ("UPDATE ledger_transfer SET effective_on = '2001-01-01' WHERE id = {last}", "transfer {last}:"),
    ("UPDATE ledger_transfer SET key = 'other' WHERE id = {first}", "transfer {first}:"),
    ("UPDATE ledger_posting SET credit_id = credit_id + 1 WHERE id = {posting}", "transfer {first}: is not what"),
    ("UPDATE ledger_posting SET debit_balance = debit_balance + 1 WHERE debit_version = 2", "posting"),
    ("DELETE FROM ledger_posting WHERE id = {posting}", "transfer {first}:"),
    ("DELETE FROM ledger_transfer WHERE id = {first}", "transfer {first}: is sealed but was removed"),
    ("DELETE FROM ledger_sealmember WHERE transfer_id = {first}", "transfer {first}: is neither sealed nor waiting"),
    ("DELETE FROM ledger_unsealed WHERE transfer_id = {last}", "transfer {last}: is neither sealed nor waiting"),
    ("UPDATE ledger_account SET balance = balance + 1 WHERE key = 'li'", "li"),
    ("UPDATE ledger_account SET debt = debt + 1 WHERE key = 'wang'", "wang"),
    ("UPDATE ledger_account SET version = version + 1 WHERE key = 'li'", "li"),
    ("UPDATE ledger_lot SET remaining = remaining + 1 WHERE id = {lot}", "lot {lot}:"),
    ("UPDATE ledger_lot SET expires_on = '2199-01-01' WHERE id = {lot}", "lot"),
    ("UPDATE ledger_refundtotal SET refunded = refunded + 1 WHERE refunded < cap", "refundtotal"),
    ("UPDATE ledger_hold SET amount = amount + 1", "hold"),
    ("UPDATE ledger_holdresolution SET captured = captured - 1", "holdresolution"),
    ("UPDATE ledger_checkpoint SET credit_total = credit_total + 1 WHERE id = {checkpoint}", "checkpoint seal 1"),
    ("DELETE FROM ledger_checkpoint WHERE id = {checkpoint}", "checkpoint seal 1: a checkpoint was changed, removed"),
    ("DELETE FROM ledger_checkpoint WHERE id = {checkpoint}", "at seal 1: is missing"),
    ("UPDATE ledger_seal SET totals = '{{}}' WHERE number = 1", "seal 1: its hash is not the hash of its header"),
    ("UPDATE ledger_seal SET totals = 'nothing' WHERE number = 1", "seal 1: its hash is not the hash of its header"),
    ("UPDATE ledger_seal SET hash = 'nothing' WHERE number = 2", "seal 2: its hash is not the hash of its header"),
    ("UPDATE ledger_seal SET previous_hash = 'x' WHERE number = 2", "seal 2: does not follow"),
    ("UPDATE ledger_seal SET root = 'x' WHERE number = 2", "seal 2: its transfers do not make its root"),
    ("UPDATE ledger_seal SET checkpoints_hash = 'x' WHERE number = 2", "checkpoint seal 2: a checkpoint was changed"),
    ("UPDATE ledger_transfer SET unit = 99 WHERE id = {first}", "transfer {first}: is not what was sealed"),
    ("UPDATE ledger_transfer SET unit = 99 WHERE id = {last}", "transfer {last}: is not what was posted"),
    ("UPDATE ledger_posting SET debit_id = debit_id + 7777 WHERE id = {posting}", "transfer {first}: is not what was"),
    ("DELETE FROM ledger_seal WHERE number = 1", "seal 1: is missing"),
    ("DELETE FROM ledger_seal WHERE number = 1", "sealmember {first}: belongs to seal 1, which does not exist"),
    ("UPDATE ledger_sealmember SET seal_id = 9 WHERE transfer_id = {first}", "sealmember {first}: belongs to seal 9,"),
    ("UPDATE ledger_sealmember SET seal_id = -9 WHERE transfer_id = {first}", "sealmember {first}: belongs to seal -9"),
    ("UPDATE ledger_transfer SET reverses_id = NULL WHERE reverses_id IS NOT NULL", "transfer"),
]


@pytest.mark.breaks_ledger("on purpose")
@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_tampering_is_found_and_named(books, change, named):
    places = {
        "first": ids(Transfer)[0],
        "last": ids(Transfer)[-1],
        "posting": ids()[0],
        "lot": read_lot(),
        "checkpoint": ids(Checkpoint)[0],
    }
    tamper(change.format(**places))
    code, said = command()
    assert code == 1
    assert named.format(**places) in said, said


@pytest.mark.breaks_ledger("on purpose")
@pytest.mark.parametrize("most", [1, 3])
def test_the_first_wrong_rows_are_the_ones_that_are_named(books, most):
    gone = ids(SealMember, seal_id=1)
    tamper(f"DELETE FROM ledger_sealmember WHERE transfer_id IN ({', '.join(map(str, gone))})")
    found = [one for one in verify(most=most).findings if one.what.startswith("is neither sealed nor waiting")]
    assert [int(one.row) for one in found] == sorted(gone)[:most]


def read_lot():
    from timebank.ledger.models import Lot

    return ids(Lot)[0]


@pytest.mark.breaks_ledger("on purpose")
def test_a_swapped_pair_of_sealed_transfers_is_found(books):
    one, two = ids(Transfer)[:2]
    tamper(
        f"UPDATE ledger_posting SET transfer_id = -1 WHERE transfer_id = {one}",
        f"UPDATE ledger_posting SET transfer_id = {one} WHERE transfer_id = {two}",
        f"UPDATE ledger_posting SET transfer_id = {two} WHERE transfer_id = -1",
    )
    assert f"transfer {one}: is not what was sealed" in command()[1]


@pytest.mark.breaks_ledger("on purpose")
def test_a_swapped_place_in_a_seal_is_found(books):
    tamper(
        "UPDATE ledger_sealmember SET position = 900 WHERE seal_id = 1 AND position = 0",
        "UPDATE ledger_sealmember SET position = 0 WHERE seal_id = 1 AND position = 1",
        "UPDATE ledger_sealmember SET position = 1 WHERE seal_id = 1 AND position = 900",
    )
    assert "seal 1: its transfers do not make its root" in command()[1]


@pytest.mark.breaks_ledger("on purpose")
def test_an_added_transfer_is_found(books):
    names = ", ".join(one.column for one in Transfer._meta.fields if one.column not in {"id", "uuid"})
    other = "'00000000-0000-8000-8000-000000000001'"
    if connection.vendor != "postgresql":
        other = other.replace("-", "")
    tamper(
        f"INSERT INTO ledger_transfer (id, uuid, {names}) SELECT 99999, {other}, {names} FROM ledger_transfer LIMIT 1"
    )
    code, said = command()
    assert code == 1
    assert "transfer 99999: moves nothing" in said
    assert "transfer 99999: is neither sealed nor waiting" in said


@pytest.mark.breaks_ledger("on purpose")
def test_a_forger_who_makes_a_row_fit_its_own_hash_is_found(books):
    one = ids(SealMember, seal_id=1)[2]
    off()
    Transfer.objects.filter(pk=one).update(memo="forged")
    Transfer.objects.filter(pk=one).update(content_hash=leaf_hash(read_content(one)))
    on()
    assert f"transfer {one}: is not what was sealed (seal 1, place 2)" in command()[1]


@pytest.mark.breaks_ledger("on purpose")
def test_a_hash_that_is_not_that_of_its_row_is_found_although_the_row_is_as_it_was_sealed(books):
    one = ids(SealMember, seal_id=1)[2]
    off()
    Transfer.objects.filter(pk=one).update(content_hash=b"x" * 32)
    on()
    assert f"transfer {one}: is not what was sealed (seal 1, place 2)" in command()[1]


@pytest.mark.breaks_ledger("on purpose")
def test_a_forger_who_recomputes_the_leaf_still_breaks_the_root(books):
    from timebank.ledger.canon import leaf_hash
    from timebank.ledger.reading import read_content

    first = ids(Transfer)[0]
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id = {first}")
    leaf = leaf_hash(read_content(first))
    off()
    Transfer.objects.filter(pk=first).update(content_hash=leaf)
    SealMember.objects.filter(pk=first).update(leaf=leaf)
    on()
    code, said = command()
    assert code == 1
    assert "seal 1: its transfers do not make its root" in said


@pytest.mark.breaks_ledger("on purpose")
def test_a_cut_tail_is_found_against_a_digest_from_outside(books):
    last = Seal.objects.latest("number")
    digest = short_digest(last.number, last.hash)
    assert command("--seal", digest)[0] == 0
    gone = ", ".join(map(str, ids(SealMember, seal_id=2) + ids(Unsealed)))
    first = ids(SealMember, seal_id=2)[0]
    tamper(
        "DELETE FROM ledger_holdresolution",
        "DELETE FROM ledger_hold",
        f"DELETE FROM ledger_posting WHERE transfer_id IN ({gone})",
        f"DELETE FROM ledger_refundtotal WHERE transfer_id >= {first}",
        f"DELETE FROM ledger_transfer WHERE id IN ({gone})",
        f"DELETE FROM ledger_sealmember WHERE transfer_id IN ({gone})",
        "DELETE FROM ledger_unsealed",
        "DELETE FROM ledger_checkpoint WHERE seal_id = 2",
        "DELETE FROM ledger_seal WHERE number = 2",
        "DELETE FROM ledger_lot",
        "INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining) SELECT account, day, restriction, "
        "sum(amount) FROM (SELECT debit_id AS account, debit_expires_on AS day, debit_restriction AS restriction, "
        "-amount AS amount FROM ledger_posting WHERE debit_version IS NOT NULL UNION ALL SELECT credit_id, "
        "credit_expires_on, credit_restriction, amount FROM ledger_posting WHERE credit_version IS NOT NULL) x "
        "GROUP BY account, day, restriction",
        "UPDATE ledger_account SET debt = 0, balance = (SELECT sum(remaining) FROM ledger_lot l WHERE l.account_id = "
        "ledger_account.id), version = (SELECT count(*) FROM ledger_posting p WHERE p.debit_id = ledger_account.id OR "
        "p.credit_id = ledger_account.id) WHERE guarded",
    )
    assert command()[0] == 0, "cut this carefully, the books look right from the inside"
    code, said = command("--seal", digest)
    assert code == 1
    assert "the end was cut off" in said


def test_a_digest_of_another_history_is_refused(books):
    seal = Seal.objects.get(number=1)
    assert "history was rewritten" in command("--seal", short_digest(1, "0" * 64))[1]
    assert "is not a digest" in command("--seal", "hello")[1]
    assert command("--seal", short_digest(1, seal.hash).lower())[0] == 0


@pytest.mark.breaks_ledger("on purpose")
def test_an_anchor_that_does_not_fit_is_found(books):
    ledger.anchor(number=1, place="notice board")
    tamper("UPDATE ledger_anchor SET digest = '1-0000-0000-0000-0000'")
    assert "made known at notice board" in command()[1]


@pytest.mark.breaks_ledger("on purpose")
def test_a_gap_in_the_chain_is_named_once(books, move):
    for _ in range(2):
        move("li", "shop", 1)
        ledger.seal()
    tamper(*(f"DELETE FROM ledger_{name} WHERE seal_id = 2" for name in ("sealmember", "checkpoint")))
    tamper("DELETE FROM ledger_seal WHERE number = 2")
    said = command()[1]
    assert said.count("promise 7: seal 2: is missing: the chain has a gap") == 1
    assert said.count("the chain has a gap") == 1


@pytest.mark.breaks_ledger("on purpose")
def test_when_all_is_wrong_the_first_are_named_and_the_rest_is_not_called_clean(books, move, monkeypatch):
    from timebank.ledger.verify import seals

    move("shop", "bath", 1)
    assert Unsealed.objects.count() == 3
    monkeypatch.setattr(seals, "ENOUGH", 1)
    tamper("UPDATE ledger_transfer SET memo = 'forged'")
    said = [str(one) for one in verify().findings]
    assert any("promise 7: seal 1: too much is wrong: what follows was not looked at" in one for one in said)
    assert not any("seal 2" in one for one in said)
    assert sum("is not what was posted" in one for one in said) == 2, "of what waits to be sealed one more than enough"


@pytest.mark.breaks_ledger("on purpose")
def test_what_is_enough_is_not_yet_too_much(books, monkeypatch):
    from timebank.ledger.verify import seals

    first = ids(SealMember, seal_id=1)
    monkeypatch.setattr(seals, "ENOUGH", 2)
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id IN ({first[0]}, {first[1]})")
    said = [str(one) for one in verify().findings]
    assert sum("is not what was sealed" in one for one in said) == 2
    assert not any("too much is wrong" in one for one in said)


@pytest.mark.breaks_ledger("on purpose")
def test_missing_trigger_is_found(books):
    off(tables=["ledger_posting"])
    code, said = command()
    assert code == 1
    assert "promise 2: ledger_posting" in said


@pytest.mark.breaks_ledger("on purpose")
def test_a_uuid_that_is_not_made_from_its_key_is_found(village, monkeypatch):
    """Hashed and sealed in good order, and yet not the identity that everybody derives from the key."""
    from timebank.ledger.services import engine

    monkeypatch.setattr(engine, "key_uuid", lambda key: key_uuid(f"other {key}"))
    posted = ledger.post(TransferSpec("a", "test", (Leg("issuance", "li", 1),)))
    assert f"transfer {posted.id}: its uuid is not made from its key" in command()[1]
    ledger.seal()
    assert f"transfer {posted.id}: its uuid is not made from its key (seal 1, place 0)" in command()[1]
