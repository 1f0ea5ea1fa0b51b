"""Seals take what waits, once and in order; what was sealed can be shown to outsiders."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from tests.ledger.tampering import ids, off, on, tamper
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger import tasks
from timebank.ledger.models import Checkpoint, Seal, Unsealed
from timebank.ledger.selectors.proofs import seal_by_digest
from timebank.ledger.verify import verify


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
