"""What the people who run a ledger are told: system checks, readiness, commands, background work."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.checks import Error
from django.core.checks import Warning as CheckWarning
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation

from timebank.common import guards as common_guards
from timebank.common.tasks import task_sweep
from timebank.ledger import checks, guards, tasks
from timebank.ledger import services as ledger
from timebank.ledger.canon import short_digest
from timebank.ledger.models import Anchor, Hold, Seal, Transfer
from timebank.ledger.verify import seals

POSTGRES = connection.vendor == "postgresql"
NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)


def call(name, *words):
    """Run a command; return its exit code, what it says and what it complains of."""
    out, err = StringIO(), StringIO()
    try:
        call_command(name, *words, stdout=out, stderr=err)
    except SystemExit as stopped:
        return stopped.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


# -- System checks -----------------------------------------------------------------------------------------------------
def test_a_missing_trigger_is_named_with_the_way_to_put_it_back(db):
    connection.check_constraints()
    guards.remove(tables=["ledger_seal"])
    gone = guards.missing()
    assert {table for table, _name in gone} == {"ledger_seal"}
    assert common_guards.check(None, databases=["default"]) == [
        Error(
            f"{name} (ledger_seal) is missing or not as it was written: history could be changed.",
            hint="Run manage.py migrate, which installs it again.",
            id="common.E001",
        )
        for _table, name in gone
    ]
    guards.install()


def test_databases_that_are_not_asked_for_are_not_looked_at():
    for check in (common_guards.check, checks.check_transactions):
        assert check(None) == []  # without the fixture `db`, any look at one would fail
        assert check(None, databases=[]) == []


@pytest.mark.parametrize("options", [{}, {"transaction_mode": None}, {"transaction_mode": "DEFERRED"}])
def test_sqlite_that_does_not_open_its_transactions_as_a_writer_is_warned_of(db, monkeypatch, options):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    expected = CheckWarning(
        "SQLite does not open its transactions IMMEDIATE: two writers may fail instead of waiting.",
        hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE".',
        id="ledger.W001",
    )
    assert checks.check_transactions(None, databases=["default"]) == ([] if POSTGRES else [expected])


@pytest.mark.parametrize("mode", ["IMMEDIATE", "immediate"])
def test_sqlite_that_does_is_not(db, monkeypatch, mode):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"transaction_mode": mode})
    assert checks.check_transactions(None, databases=["default"]) == []


# -- Readiness ---------------------------------------------------------------------------------------------------------
def test_readiness_tells_the_age_of_the_last_seal_and_how_many_wait(move, time_machine):
    from timebank.ledger.ready import check_ledger

    assert check_ledger() == "never sealed, 0 waiting"
    time_machine.move_to(NOON, tick=False)
    move("issuance", "li", 1)
    ledger.seal()
    time_machine.move_to(NOON + dt.timedelta(minutes=2), tick=False)
    move("issuance", "li", 1)
    move("issuance", "li", 1)
    assert check_ledger() == "sealed 120 s ago, 2 waiting"


def test_readiness_counts_the_missing_triggers(db):
    from timebank.common.health import NotReady
    from timebank.ledger.ready import check_ledger

    connection.check_constraints()
    guards.remove(tables=["ledger_seal"])
    many = len(guards.missing())
    with pytest.raises(NotReady, match=f"^{many} triggers that protect history are missing$"):
        check_ledger()
    guards.install()


# -- Commands ----------------------------------------------------------------------------------------------------------
def test_sealing_tells_how_much_and_the_digest_for_the_notice_board(move):
    for _ in range(5):
        move("issuance", "li", 1)
    code, said, complaints = call("seal_ledger", "--limit", "2")
    last = Seal.objects.get(number=3)
    assert (code, complaints) == (0, "")
    assert said.splitlines() == ["5 transfers in 3 seals", short_digest(3, last.hash)]
    assert not Anchor.objects.exists()


def test_sealing_with_nothing_to_do_repeats_the_newest_digest(move):
    for _ in range(2):
        move("issuance", "li", 1)
        ledger.seal()
    newest = Seal.objects.get(number=2)
    assert call("seal_ledger")[1].splitlines() == ["0 transfers in 0 seals", short_digest(2, newest.hash)]


def test_sealing_an_empty_ledger_has_no_digest_to_tell(db):
    assert call("seal_ledger", "--anchor", "notice board") == (0, "0 transfers in 0 seals\n", "")


def test_the_digest_is_recorded_where_it_was_made_known(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    move("issuance", "li", 1)
    call("seal_ledger", "--anchor", "notice board of Hekou")
    found = Anchor.objects.get()
    seal = Seal.objects.get()
    assert (found.place, found.receipt, found.seal, found.anchored_at) == ("notice board of Hekou", "", seal, NOON)
    assert found.digest == short_digest(1, seal.hash)


def test_what_cannot_be_sealed_ends_the_command_with_its_name(move):
    move("issuance", "li", 1)
    connection.check_constraints()
    guards.remove(tables=["ledger_seal"])
    with translation.override("en"), pytest.raises(CommandError) as stopped:
        call_command("seal_ledger")
    guards.install()
    assert str(stopped.value).startswith("The ledger is not fit to be sealed. ")
    assert "ledger_seal" in str(stopped.value)


HELP = {
    "seal_ledger": """--limit LIMIT most transfers in one seal
        --anchor PLACE record that the digest is made known there --version""",
    "verify_ledger": """--since SINCE only transfers with a higher id than this
        --seal SEAL a digest from outside (notice board, print) --json print the report as JSON --resume FILE""",
}


@pytest.mark.parametrize("name", HELP)
def test_commands_explain_their_options(capsys, name):
    with pytest.raises(SystemExit):
        call_command(name, "--help")
    assert " ".join(HELP[name].split()) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [["seal_ledger", "--limit", "x"], ["verify_ledger", "--since", "x"]])
def test_what_is_no_number_is_refused_before_anything_is_done(words):
    with pytest.raises(CommandError, match="invalid int value: 'x'"):
        call_command(*words)


def test_verifying_says_what_it_looked_at(move):
    move("issuance", "li", 1)
    move("issuance", "li", 1)
    ledger.seal()
    last = move("li", "shop", 2)
    digest = short_digest(1, Seal.objects.get().hash)
    code, said, complaints = call("verify_ledger")
    assert (code, complaints) == (0, "")
    head, _, tail = said.strip().partition(" s; ")
    assert head.rpartition(", ")[0] == "verified: 3 transfers, 3 postings, 1 seals, 1 not sealed yet"
    assert float(head.rpartition(", ")[2]) >= 0
    assert tail == f"last transfer {last.id}, last seal {digest}"


def test_verifying_an_empty_ledger_has_no_seal_to_name(db):
    code, said, _complaints = call("verify_ledger")
    assert code == 0
    assert said.startswith("verified: 0 transfers, 0 postings, 0 seals, 0 not sealed yet, ")
    assert said.endswith("last transfer 0, last seal -\n")


def test_verifying_goes_on_from_where_an_earlier_one_stopped(move):
    first = move("issuance", "li", 1)
    move("issuance", "li", 1)
    ledger.seal()
    move("issuance", "li", 1)
    assert call("verify_ledger", "--since", str(first.id))[1].startswith("verified: 3 transfers, 3 postings")
    assert call("verify_ledger", "--since", str(first.id + 2))[1].startswith("verified: 1 transfers, 1 postings")


class Terminal(StringIO):
    """Somebody watches."""

    def isatty(self):
        return True


def test_whoever_watches_sees_one_line_that_counts_on(move, monkeypatch):
    monkeypatch.setattr(seals, "CHUNK", 1)
    for _ in range(2):
        move("issuance", "li", 1)
        ledger.seal()
    watched, printed = Terminal(), StringIO()
    call_command("verify_ledger", stdout=printed, stderr=watched)
    assert watched.getvalue() == "\r1 seals, 1 transfers \r2 seals, 2 transfers \r"
    assert printed.getvalue().startswith("verified: 2 transfers")


def test_a_digest_that_is_not_ours_is_a_finding(move):
    move("issuance", "li", 1)
    ledger.seal()
    good = short_digest(1, Seal.objects.get().hash)
    assert call("verify_ledger", "--seal", good)[0] == 0
    code, said, complaints = call("verify_ledger", "--seal", good, "--seal", "1-0000-0000-0000-0000")
    assert code == 1
    assert said.startswith("WRONG: ")
    assert complaints.startswith("promise ")
    assert len(complaints.splitlines()) == 1


def test_the_report_can_be_read_by_a_program(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    posted = move("issuance", "li", 1)
    code, said, complaints = call("verify_ledger", "--json")
    report = json.loads(said)
    assert (code, complaints) == (0, "")
    assert report.pop("seconds") >= 0
    assert report == {
        "started_at": "2030-05-04T04:00:00+00:00",
        "since": 0,
        "findings": [],
        "transfers": 1,
        "postings": 1,
        "seals": 0,
        "unsealed": 1,
        "last_transfer_id": posted.id,
        "last_digest": "",
        "resumed_after": 0,
        "resumed_from": "",
        "clean": True,
    }
    assert said.startswith('{\n "')


def test_a_wrong_ledger_is_reported_as_json_too(move):
    move("issuance", "li", 1)
    code, said, complaints = call("verify_ledger", "--json", "--seal", "9-0000-0000-0000-0000")
    report = json.loads(said)
    assert (code, complaints, report["clean"]) == (1, "", False)
    assert report["findings"][0].keys() == {"promise", "table", "row", "what"}


# -- Background work ---------------------------------------------------------------------------------------------------
def test_tasks_answer_with_how_much_they_did(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    move("issuance", "li", 100, until=NOON.date())
    move("issuance", "wang", 70, until=NOON.date())
    held = ledger.hold(key="h", wallet="li", amount=30, expires_at=NOON + dt.timedelta(hours=1))
    assert tasks.task_seal.delay().get() == 3
    for name in ("lapse holds", "expire points"):
        assert task_sweep.delay(name).get() == {"handled": 0, "failed": 0}
    time_machine.move_to(NOON + dt.timedelta(days=1), tick=False)
    assert task_sweep.delay("expire points").get() == {"handled": 2, "failed": 0}
    assert task_sweep.delay("lapse holds").get() == {"handled": 1, "failed": 0}
    assert task_sweep.delay("lapse holds").get() == {"handled": 0, "failed": 0}
    assert Hold.objects.get(pk=held.pk).resolution.outcome == "lapsed"
    assert tasks.task_seal.delay().get() == Transfer.objects.count() - 3
