"""Whatever is tampered with while the triggers are off is found, and the row is named."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import guards, tasks
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.canon import key_uuid, merkle_path, merkle_root, node_hash, parse_digest, short_digest
from timebank.ledger.models import Checkpoint, Posting, Seal, SealMember, Transfer, Unsealed
from timebank.ledger.selectors.proofs import receipt_holds, receipt_of, receipt_text, seal_by_digest
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.verify import verify

SCRIPT = Path(ledger.__file__).parents[1] / "static" / "ledger" / "check_receipt.py"


@pytest.fixture
def books(move):
    """Some of everything, two seals, and a tail that is not sealed."""
    move("issuance", "li", 500, until=SOON)
    move("issuance", "wang", 300, until=LATER)
    paid = move("li", "shop", 120)
    ledger.refund(paid.id, amount=20, key="refund", reason="", actor="")
    ledger.seal()
    wrong = move("issuance", "wang", 40, until=SOON)
    move("wang", "li", 330)
    ledger.reverse(wrong.id, key="reverse", reason="", actor="")
    held = ledger.hold(key="h", wallet="li", amount=50, expires_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    ledger.capture(held.pk, to="bath", amount=30, key="c", actor="")
    move("shop", "bath", 60)
    ledger.seal()
    move("li", "shop", 7)
    move("shop", "bath", 9)
    assert verify().clean


def tamper(*statements):
    """Do as an administrator with a database prompt could: triggers off, change, triggers on."""
    off()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount != 0, f"nothing was changed: {statement}"
    on()


def off(**only):
    connection.check_constraints()  # what is still to be checked at commit keeps PostgreSQL from changing triggers
    guards.remove(**only)


def on():
    connection.check_constraints()
    guards.install()


def command(*args):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", *args, stdout=out, stderr=err)
    except SystemExit as stop:
        return stop.code, out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def ids(model=Posting, **chosen):
    return list(model.objects.filter(**chosen).order_by("pk").values_list("pk", flat=True))


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


def test_verification_goes_on_where_it_stopped(books, move):
    first = verify()
    move("li", "shop", 1)
    again = verify(since=first.last_transfer_id)
    assert again.clean
    assert again.transfers == 3, "what waits to be sealed, and nothing of the two seals"
    assert again.seals == 2


@pytest.mark.breaks_ledger("on purpose")
def test_going_on_by_id_does_not_skip_what_was_committed_late(move):
    posted = [move("issuance", "li", 1) for _ in range(3)]
    off(tables=["ledger_unsealed"])
    Unsealed.objects.filter(pk=posted[0].id).delete()  # as if it were still in another transaction: not visible yet
    on()
    ledger.seal()
    since = posted[2].id
    Unsealed.objects.create(transfer_id=posted[0].id)
    assert ledger.seal().last_transfer_id < since
    assert verify(since=since).clean
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id = {posted[0].id}")
    assert f"transfer {posted[0].id}: is not what was sealed" in str(verify(since=since).findings[0])


@pytest.mark.breaks_ledger("on purpose")
def test_going_on_by_id_still_adds_up_the_checkpoints(books, move):
    since = Seal.objects.get(number=2).last_transfer_id
    assert verify(since=since).clean
    tamper("UPDATE ledger_checkpoint SET credit_total = credit_total + 1 WHERE seal_id = 2")
    said = [str(one) for one in verify(since=since).findings]
    assert any("checkpoint seal 2: a checkpoint was changed" in one for one in said)
    assert any("at seal 2: is not what the transfers make" in one for one in said)


# -- Broken off --------------------------------------------------------------------------------------------------------
@pytest.fixture
def place(books, monkeypatch, tmp_path):
    """A run that was broken off after the first of two seals; the file that it left."""
    from timebank.ledger.verify import seals

    monkeypatch.setattr(seals, "CHUNK", 1)
    file = tmp_path / "place.json"

    def off_after(number=1):
        def stop(report):
            if report.seals == number:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(resume=file, tell=stop)
        return file

    return off_after


@pytest.fixture
def looked_at(monkeypatch):
    """List the transfers of seals that were really read."""
    from timebank.ledger.verify import seals

    seen = []

    def reading(first, alias):
        for pair in read_sealed(first, alias):
            seen.append(pair[0].transfer_id)
            yield pair

    read_sealed = seals.read_sealed
    monkeypatch.setattr(seals, "read_sealed", reading)
    return seen


def test_a_run_that_was_broken_off_goes_on_and_looks_at_the_rest(place, looked_at):
    whole = verify()
    file = place()
    looked_at.clear()
    report = verify(resume=file)
    assert report.clean
    assert looked_at == ids(SealMember, seal_id=2)
    assert (report.transfers, report.postings, report.seals) == (whole.transfers, whole.postings, whole.seals)
    assert (report.resumed_after, report.last_digest) == (1, whole.last_digest)
    assert not file.exists(), "it came to its end: the next one begins anew"
    looked_at.clear()
    assert verify(resume=file).resumed_after == 0
    assert looked_at == ids(SealMember)


def test_a_run_that_goes_on_may_be_broken_off_again(place, looked_at):
    started = json.loads(place(1).read_text())["started_at"]
    file = place(2)
    looked_at.clear()
    report = verify(resume=file)
    assert report.clean
    assert (report.resumed_after, looked_at, report.transfers) == (2, [], Transfer.objects.count())
    assert report.resumed_from == started, "the first of the three runs"


@pytest.mark.breaks_ledger("on purpose")
def test_what_was_found_before_a_run_was_broken_off_is_not_forgotten(place):
    first = ids(Transfer)[0]
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id = {first}")
    file = place()
    tamper(f"UPDATE ledger_transfer SET memo = '' WHERE id = {first}")
    report = verify(resume=file)
    assert report.resumed_after == 1
    assert [str(one) for one in report.findings] == [
        f"promise 7: transfer {first}: is not what was sealed (seal 1, place 0)"
    ]
    assert verify().clean


@pytest.mark.breaks_ledger("on purpose")
def test_what_lies_after_the_place_is_found(place):
    file = place()
    second = ids(SealMember, seal_id=2)[0]
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id = {second}")
    code, said = command("--resume", str(file))
    assert code == 1
    assert f"transfer {second}: is not what was sealed (seal 2, place 0)" in said
    assert "seals 1 to 1 were looked at by a run of" in said


@pytest.mark.breaks_ledger("on purpose")
def test_what_was_changed_behind_the_place_is_found_where_one_look_suffices_and_said_where_not(place):
    file = place()
    tamper("UPDATE ledger_posting SET amount = amount + 1 WHERE id = " + str(ids()[0]))
    assert command("--resume", str(file))[0] == 1, "sums are always made of everything"
    tamper("UPDATE ledger_posting SET amount = amount - 1 WHERE id = " + str(ids()[0]))
    file = place()
    tamper("UPDATE ledger_transfer SET memo = 'forged' WHERE id = " + str(ids(Transfer)[0]))
    code, said = command("--resume", str(file))
    assert code == 0
    assert "seals 1 to 1 were looked at by a run of" in said, "and not by this one"
    assert command("--resume", str(file))[0] == 1


@pytest.mark.breaks_ledger("on purpose")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_checkpoint SET credit_total = credit_total + 1 WHERE seal_id = 1",
        "DELETE FROM ledger_checkpoint WHERE seal_id = 1",
        "UPDATE ledger_seal SET hash = 'other' WHERE number = 1",
    ],
)
def test_a_run_begins_anew_when_the_seals_behind_are_not_what_they_were(place, looked_at, change):
    file = place()
    tamper(change)
    looked_at.clear()
    report = verify(resume=file)
    assert (report.resumed_after, looked_at) == (0, ids(SealMember))
    assert not report.clean


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"seal": 1}', '{"seal": "1"}', '{"findings": [1]}', '{"x": 1}']
)
def test_a_file_that_is_no_place_is_the_beginning(books, tmp_path, looked_at, content):
    file = tmp_path / "place.json"
    file.write_text(content)
    report = verify(resume=file)
    assert report.clean
    assert (report.resumed_after, looked_at) == (0, ids(SealMember))


def test_a_place_of_a_run_with_another_beginning_is_not_taken(place):
    file = place()
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "since": 1}))
    assert verify(resume=file).resumed_after == 0


def test_command_says_that_it_was_broken_off_and_tells_a_terminal_how_far_it_is(place, monkeypatch, tmp_path):
    from timebank.ledger.management.commands import verify_ledger

    file = tmp_path / "other.json"

    def broken_off(**options):
        options["tell"](verify())
        options["resume"].write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_ledger, "verify", broken_off)
    code, said = command("--resume", str(file))
    assert (code, said) == (130, f"broken off; --resume {file} goes on where it was\n")
    out, err = StringIO(), Terminal()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", "--resume", str(file), stdout=out, stderr=err)
    assert err.getvalue().startswith("\r2 seals, ")
    monkeypatch.undo()
    call_command("verify_ledger", stdout=out, stderr=err)
    assert out.getvalue().startswith("verified: ")


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.breaks_ledger("on purpose")
def test_when_all_is_wrong_the_first_are_named_and_the_rest_is_not_called_clean(books, monkeypatch):
    from timebank.ledger.verify import seals

    monkeypatch.setattr(seals, "ENOUGH", 1)
    tamper("UPDATE ledger_transfer SET memo = 'forged'")
    said = [str(one) for one in verify().findings]
    assert any("seal 1: too much is wrong: what follows was not looked at" in one for one in said)
    assert not any("seal 2" in one for one in said)


@pytest.mark.django_db(transaction=True)
def test_nobody_who_posts_waits_for_the_verifier(move, monkeypatch):
    """On SQLite a transaction of ours begins as the one writer; the verifier's must not."""
    from timebank.ledger.verify import run

    move("issuance", "li", 1)
    wrote = []

    def meanwhile(since, most, alias):
        with ThreadPoolExecutor(1) as pool:
            wrote.append(pool.submit(elsewhere).result(60))
        return []

    def elsewhere():
        with connections["default"].cursor() as cursor:
            if connection.vendor != "postgresql":
                cursor.execute("PRAGMA busy_timeout = 100")
        try:
            return ledger.post(TransferSpec("meanwhile", "test", (Leg("issuance", "li", 2),))).replayed
        finally:
            connections["default"].close()

    monkeypatch.setattr(run, "arithmetic", meanwhile)
    report = verify()
    assert wrote == [False]
    assert (report.transfers, report.clean) == (1, True), "it looks at one moment"
    assert verify().transfers == 2
    if connection.vendor != "postgresql":
        assert connection.transaction_mode == "IMMEDIATE"


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


# -- Seals -------------------------------------------------------------------------------------------------------------
def test_seals_take_what_waits_in_order_and_chain(move):
    assert ledger.seal() is None
    for number in range(5):
        move("issuance", "li", 1 + number)
    made = ledger.seal_all(limit=2)
    assert [seal.count for seal in made] == [2, 2, 1]
    assert [seal.number for seal in made] == [1, 2, 3]
    assert made[1].previous_hash == made[0].hash
    assert not Unsealed.objects.exists()
    assert verify().clean
    assert tasks.task_seal() == 0


def test_a_late_commit_with_a_low_id_is_sealed_by_the_next_seal(move):
    posted = [move("issuance", "li", 1) for _ in range(3)]
    off(tables=["ledger_unsealed"])
    Unsealed.objects.filter(pk=posted[0].id).delete()  # as if it were still in another transaction: not visible yet
    on()
    first = ledger.seal()
    Unsealed.objects.create(transfer_id=posted[0].id)
    second = ledger.seal()
    assert (first.count, second.count) == (2, 1)
    assert second.first_transfer_id < first.first_transfer_id
    assert verify().clean


def test_balance_of_a_system_account_is_checkpoint_and_tail(move):
    move("issuance", "shop", 100)
    assert read.balance_of("shop").total == 100
    ledger.seal()
    assert read.balance_of("shop").total == 100
    move("shop", "bath", 30)
    assert (read.balance_of("shop").total, read.balance_of("bath").total) == (70, 30)
    ledger.seal()
    assert read.balances_of(["shop", "bath", "issuance", "nobody"]).keys() == {"shop", "bath", "issuance"}
    assert read.balance_of("issuance").total == -100
    assert Checkpoint.objects.filter(seal_id=2).count() == 2


def test_sealer_refuses_what_is_not_what_was_posted(books):
    from timebank.ledger.errors import NotSealable

    last = ids(Unsealed)[0]
    tamper(f"UPDATE ledger_transfer SET memo = 'forged' WHERE id = {last}")
    with pytest.raises(NotSealable) as refused:
        ledger.seal()
    assert refused.value.params == {"transfer": last}
    assert Seal.objects.count() == 2
    tamper(f"UPDATE ledger_transfer SET memo = '' WHERE id = {last}")


def test_seal_command_prints_the_digest_and_anchors_it(move):
    move("issuance", "li", 1)
    out = StringIO()
    call_command("seal_ledger", "--anchor", "notice board", stdout=out)
    digest = out.getvalue().split()[-1]
    assert seal_by_digest(digest).number == 1
    assert Seal.objects.get().anchors.get().digest == digest


def test_signature_is_checked_with_the_key_outside(move, settings):
    settings.LEDGER_SEAL_KEY = "11" * 32
    move("issuance", "li", 1)
    assert len(ledger.seal().signature) == 128
    assert verify().clean
    settings.LEDGER_SEAL_KEY = "22" * 32
    assert "its signature is not ours" in str(verify().findings[0])
    settings.LEDGER_SEAL_KEY = ""


# -- Trees, digests, receipts ------------------------------------------------------------------------------------------
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

    assert str(key_uuid("mint:record:77")) == "8b7d901e-ae43-84e6-a16e-aa5c418dbfa6"
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
