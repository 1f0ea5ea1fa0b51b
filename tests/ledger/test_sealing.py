"""What a seal says, what it counts for each account, and what is put up outside."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection

from timebank.ledger import errors, partitions
from timebank.ledger import services as ledger
from timebank.ledger.canon import GENESIS, leaf_hash, merkle_root, seal_hash, short_digest
from timebank.ledger.models import Account, Checkpoint, Seal, SealMember, Unsealed
from timebank.ledger.reading import read_content
from timebank.ledger.services import sealing
from timebank.ledger.services.sealing import ADVISORY, LIMIT, checkpoints_hash, header, seal_age
from timebank.ledger.types import Leg, TransferSpec

NOON = dt.datetime(2030, 5, 4, 4, 0, tzinfo=dt.UTC)


def checkpoints(number):
    names = dict(Account.objects.values_list("pk", "key"))
    rows = Checkpoint.objects.filter(seal_id=number)
    return {names[row.account_id]: (row.debit_total, row.credit_total) for row in rows}


def test_a_seal_says_what_it_covers(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    posted = [move("issuance", "li", 10), move("li", "shop", 4), move("issuance", "wang", 2)]
    made = ledger.seal()
    stored = Seal.objects.get()
    assert stored == made
    leaves = [leaf_hash(read_content(one.id)) for one in posted]
    for one in (made, stored):
        assert (one.number, one.previous_hash, one.count, one.sealed_at) == (1, GENESIS, 3, NOON)
        assert (one.first_transfer_id, one.last_transfer_id) == (posted[0].id, posted[2].id)
        assert one.totals == '{"PTS":16}'
        assert one.root == merkle_root(leaves).hex()
        assert one.signature == ""
        assert one.hash == seal_hash(header(one))
    members = SealMember.objects.order_by("position")
    assert [(one.seal_id, one.position, one.transfer_id, bytes(one.leaf)) for one in members] == [
        (1, place, one.id, leaf) for place, (one, leaf) in enumerate(zip(posted, leaves, strict=True))
    ]
    assert not Unsealed.objects.exists()


def test_the_header_is_what_is_hashed_by_name(move, time_machine):
    time_machine.move_to(NOON, tick=False)
    posted = move("issuance", "li", 10)
    seal = ledger.seal()
    assert header(seal) == {
        "number": 1,
        "previous": GENESIS,
        "root": seal.root,
        "count": 1,
        "first": posted.id,
        "last": posted.id,
        "totals": {"PTS": 10},
        "checkpoints": seal.checkpoints_hash,
        "sealed_at": "2030-05-04T04:00:00.000000+00:00",
    }


def test_units_are_totalled_apart_in_order_of_name(move):
    ledger.open_account(key="bank", kind="system", unit="CNY")
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    move("issuance", "li", 10)
    ledger.post(TransferSpec(key="m", kind="gift", legs=(Leg("bank", "fund", 7),), unit="CNY"))
    move("issuance", "shop", 5)
    assert list(json.loads(ledger.seal().totals).items()) == [("CNY", 7), ("PTS", 15)]


def test_checkpoints_run_on_from_seal_to_seal_for_accounts_without_a_balance(move):
    move("issuance", "li", 10)
    move("li", "shop", 4)
    move("issuance", "shop", 1)
    ledger.seal()
    assert checkpoints(1) == {"issuance": (11, 0), "shop": (0, 5)}
    move("shop", "bath", 3)
    ledger.seal()
    assert checkpoints(2) == {"shop": (3, 5), "bath": (0, 3)}
    move("issuance", "bath", 2)
    ledger.seal()
    assert checkpoints(3) == {"issuance": (13, 0), "bath": (0, 5)}
    rows = Checkpoint.objects.filter(seal_id=3).values_list("account_id", "debit_total", "credit_total")
    assert Seal.objects.get(number=3).checkpoints_hash == checkpoints_hash(rows)


def test_checkpoints_are_hashed_in_order_of_account_whatever_the_order_given():
    rows = [(3, 0, 1), (1, 5, 0), (2, 0, 4)]
    assert checkpoints_hash(rows) == checkpoints_hash(iter(sorted(rows))) != checkpoints_hash([(3, 1, 0), *rows[1:]])
    assert checkpoints_hash([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"  # of []


def test_more_accounts_than_one_statement_asks_for(village):
    keys = [f"shop:{number}" for number in range(501)]
    ledger.open_accounts(accounts=[ledger_account(key) for key in keys])
    for round in (1, 2):
        legs = tuple(Leg("issuance", key, 1) for key in keys)
        ledger.post(TransferSpec(key=f"all:{round}", kind="test", legs=legs))
        ledger.seal()
        found = checkpoints(round)
        assert found.pop("issuance") == (501 * round, 0)
        assert found == dict.fromkeys(keys, (0, round))


def ledger_account(key):
    from timebank.ledger.services.accounts import NewAccount

    return NewAccount(key, "system")


def test_seals_follow_each_other_and_stop_when_one_is_not_full(move):
    for _ in range(4):
        move("issuance", "li", 1)
    made = ledger.seal_all(limit=2)
    assert [(one.number, one.count) for one in made] == [(1, 2), (2, 2)]
    assert made[1].previous_hash == made[0].hash
    assert made[0].last_transfer_id < made[1].first_transfer_id
    assert ledger.seal_all() == []
    move("issuance", "li", 1)
    (last,) = ledger.seal_all()
    assert (last.number, last.previous_hash) == (3, made[1].hash)


def test_a_seal_takes_no_more_than_ten_thousand_unless_told(move, monkeypatch):
    asked = []
    monkeypatch.setattr(sealing, "read_unsealed", lambda since, limit, alias: asked.append((since, limit, alias)) or [])
    assert ledger.seal() is None
    assert ledger.seal_all() == []
    assert ledger.seal(limit=5) is None
    assert asked == [(0, 10_000, "default"), (0, LIMIT, "default"), (0, 5, "default")]


def test_sealing_makes_room_for_the_postings_to_come(move, monkeypatch):
    asked = []
    monkeypatch.setattr(partitions, "ensure_partitions", lambda: asked.append(True))
    ledger.seal_all()
    assert asked == [True]


@pytest.mark.parametrize("key", ["", "11" * 32])
def test_a_seal_is_signed_when_there_is_a_key_outside(move, settings, key):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    settings.LEDGER_SEAL_KEY = key
    move("issuance", "li", 1)
    made = ledger.seal()
    if not key:
        assert made.signature == ""
    else:
        public = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32).public_key()
        public.verify(bytes.fromhex(made.signature), made.hash.encode())


def test_without_the_setting_nothing_is_signed(move, settings):
    del settings.LEDGER_SEAL_KEY
    move("issuance", "li", 1)
    assert ledger.seal().signature == ""


def test_a_missing_trigger_stops_the_sealer_and_is_named(move):
    from timebank.ledger import guards

    move("issuance", "li", 1)
    connection.check_constraints()
    guards.remove(tables=["ledger_anchor"])
    gone = guards.missing()
    with pytest.raises(errors.NotSealable) as refused:
        ledger.seal()
    assert gone
    assert refused.value.params == {"triggers": gone}
    guards.install()
    assert ledger.seal().count == 1


def test_an_anchor_remembers_where_and_when_and_what_proves_it(move, time_machine):
    move("issuance", "li", 1)
    made = ledger.seal()
    time_machine.move_to(NOON, tick=False)
    found = ledger.anchor(number=1, place="mail to the county", receipt="message 4711")
    found.refresh_from_db()
    assert (found.seal, found.digest) == (made, short_digest(1, made.hash))
    assert (found.place, found.receipt, found.anchored_at) == ("mail to the county", "message 4711", NOON)
    assert ledger.anchor(number=1, place="board").receipt == ""


def test_what_was_never_sealed_cannot_be_put_up(db):
    with pytest.raises(errors.UnknownTransfer) as refused:
        ledger.anchor(number=3, place="board")
    assert refused.value.params == {"seal": 3}


def test_the_age_of_the_newest_seal(move, time_machine):
    assert seal_age() is None
    for minutes in (0, 10):
        time_machine.move_to(NOON + dt.timedelta(minutes=minutes), tick=False)
        move("issuance", "li", 1)
        ledger.seal()
    time_machine.move_to(NOON + dt.timedelta(minutes=15), tick=False)
    assert seal_age() == dt.timedelta(minutes=5)


@pytest.mark.breaks_ledger("on purpose")
@pytest.mark.parametrize("change", ["DELETE FROM ledger_posting", "UPDATE ledger_transfer SET memo = 'x'"])
def test_what_is_not_as_it_was_posted_is_named_and_not_sealed(move, change):
    from timebank.ledger import guards

    posted = move("issuance", "li", 1)
    connection.check_constraints()
    guards.remove()
    with connection.cursor() as cursor:
        cursor.execute(change)
    guards.install()
    with pytest.raises(errors.NotSealable) as refused:
        ledger.seal()
    assert refused.value.params == {"transfer": posted.id}
    assert not Seal.objects.exists()


def test_a_seal_costs_as_many_statements_however_much_it_covers(move, query_budget):
    costs = []
    for many in (1, 40):
        for number in range(many):
            move("issuance", ("shop", "bath", "li")[number % 3], 1)
        with query_budget(17, sqlite=13) as seen:
            ledger.seal()
        costs.append(len(seen))
    assert costs[1] <= costs[0] + 1


@pytest.mark.pg_only("SQLite has one writer at a time")
def test_a_sealer_steps_back_where_another_is_at_work(move):
    move("issuance", "li", 1)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY])
        assert ledger.seal() is None
    finally:
        other.close()
    assert ledger.seal().count == 1
