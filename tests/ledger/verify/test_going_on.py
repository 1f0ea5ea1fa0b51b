"""A run looks at what is new, or goes on where it was broken off, and misses nothing."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import call_command

from tests.ledger.tampering import command, ids, off, on, tamper
from timebank.ledger import services as ledger
from timebank.ledger.models import Seal, SealMember, Transfer, Unsealed
from timebank.ledger.verify import verify


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
    assert dt.datetime.fromisoformat(started).tzinfo
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
        options["report_progress"](verify())
        options["resume"].write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_ledger, "verify", broken_off)
    code, said = command("--resume", str(file))
    assert (code, said) == (130, f"broken off; --resume {file} goes on where it was\n")
    file.unlink()

    def at_once(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_ledger, "verify", at_once)
    assert command("--resume", str(file)) == command() == (130, "broken off\n"), "no place was kept"
    monkeypatch.setattr(verify_ledger, "verify", broken_off)
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


def test_a_run_that_is_done_before_a_place_is_kept_leaves_no_file_and_misses_none(books, tmp_path):
    file = tmp_path / "place.json"
    assert verify(resume=file).clean
    assert not file.exists()


def test_a_run_with_a_beginning_goes_on_with_the_same_one(books, monkeypatch, tmp_path):
    from timebank.ledger.verify import seals

    monkeypatch.setattr(seals, "CHUNK", 1)
    since = Seal.objects.get(number=1).last_transfer_id
    file = tmp_path / "later.json"

    def stop(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(since=since, resume=file, report_progress=stop)
    assert json.loads(file.read_text())["since"] == since
    assert verify(since=since, resume=file).resumed_after >= 1
