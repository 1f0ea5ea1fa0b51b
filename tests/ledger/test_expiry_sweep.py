"""The sweep of expired points: what it writes, where the points go, and that it leaves nothing behind."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Account, Lot, Transfer
from timebank.ledger.services import expiry
from timebank.ledger.types import ExpiryReport

APRIL, MAY = dt.date(2030, 4, 30), dt.date(2030, 5, 31)


def test_each_expired_lot_is_a_transfer_that_says_so(move):
    move("issuance", "li", 100, until=APRIL, earmark="food")
    version = Account.objects.get(key="li").version
    lot = Lot.objects.get()
    ledger.expire_due(MAY)
    view = read.transfer_by_key(f"expire:lot:{lot.pk}:{version}")
    assert (view.kind, view.unit, view.reason, view.actor) == ("expire", "PTS", "expired", "system")
    assert (view.memo, view.source, view.rule, view.on_behalf_of) == ("", "", "", "")
    assert view.effective_on == APRIL
    (posting,) = view.postings
    assert (posting.leg, posting.debit, posting.credit, posting.amount) == (0, "li", "expired:PTS", 100)
    assert (posting.expires_on, posting.restriction) == (APRIL, "food")


def test_the_report_counts_wallets_once_and_points_all(move):
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "li", 10, until=APRIL, earmark="food")
    move("issuance", "wang", 1, until=APRIL)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=2, amount=111)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=0, amount=0)


def test_without_a_day_the_sweep_takes_the_villages_today(move, time_machine):
    time_machine.move_to(dt.datetime(2030, 4, 30, 15, 30, tzinfo=dt.UTC), tick=False)  # half past eleven at night
    move("issuance", "li", 100, until=APRIL)
    assert ledger.expire_due() == ExpiryReport(on=APRIL, wallets=0, amount=0)
    time_machine.move_to(dt.datetime(2030, 4, 30, 16, 30, tzinfo=dt.UTC), tick=False)
    assert ledger.expire_due() == ExpiryReport(on=dt.date(2030, 5, 1), wallets=1, amount=100)


def test_money_expires_to_the_account_of_its_own_unit(village):
    from timebank.ledger.types import Leg, TransferSpec

    ledger.open_account(key="bank", kind="system", unit="CNY")
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    ledger.post(TransferSpec(key="in", kind="gift", legs=(Leg("bank", "fund", 500, APRIL),), unit="CNY"))
    assert ledger.expire_due(MAY).amount == 500
    assert read.balance_of("expired:CNY").total == 500


def test_other_lots_of_the_wallet_are_not_touched(move):
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "li", 30, until=MAY)
    move("issuance", "li", 7)
    move("issuance", "li", 5, until=APRIL, earmark="food")
    move("issuance", "li", 1, until=MAY, earmark="food")
    ledger.expire_due(MAY)
    left = list(Lot.objects.filter(remaining__gt=0).order_by("pk").values_list("remaining", flat=True))
    assert left == [30, 7, 1]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_sweep_goes_on_batch_by_batch(move, monkeypatch, batch):
    monkeypatch.setattr(expiry, "BATCH", batch)
    for number, wallet in enumerate(["li", "wang", "li"]):
        move("issuance", wallet, 10 + number, until=APRIL - dt.timedelta(days=number))
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=2, amount=33)
    assert Transfer.objects.filter(kind="expire").count() == 3


def test_what_was_spent_by_its_day_is_not_looked_at_again(move, monkeypatch):
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "wang", 50, until=APRIL)
    assert ledger.expire_due(MAY).wallets == 2

    def never(drafts):
        raise AssertionError(drafts)

    monkeypatch.setattr(expiry, "write", never)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=0, amount=0)


def test_a_lot_that_changes_under_the_sweep_waits_for_the_next(move, monkeypatch):
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "li", 500)  # not to be eaten in place of what is gone
    move("issuance", "wang", 50, until=APRIL)
    write = expiry.write

    def while_points_are_taken(drafts):
        monkeypatch.setattr(expiry, "write", write)
        ledger.reverse(Transfer.objects.order_by("pk").first().pk, key="back", reason="mistake", actor="staff:1")
        return write(drafts)

    monkeypatch.setattr(expiry, "write", while_points_are_taken)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=1, amount=50)
    assert ledger.expire_due(MAY).amount == 0
    assert read.balance_of("li").total == 500


@pytest.mark.parametrize("batch", [1, 500])
def test_a_lot_that_cannot_go_where_it_is_told_does_not_keep_the_others(move, monkeypatch, batch):
    monkeypatch.setattr(expiry, "BATCH", batch)
    ledger.set_expiry_account(key="li", expires_to="nowhere")
    move("issuance", "li", 100, until=APRIL)
    move("issuance", "wang", 50, until=APRIL)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=1, amount=50)
    assert read.balance_of("li").total == 100


def test_what_another_sweep_did_meanwhile_is_not_counted_twice(move, monkeypatch):
    move("issuance", "li", 100, until=APRIL)
    write = expiry.write

    def while_another_sweeps(drafts):
        write(drafts)
        return write(drafts)

    monkeypatch.setattr(expiry, "write", while_another_sweeps)
    assert ledger.expire_due(MAY) == ExpiryReport(on=MAY, wallets=0, amount=0)
    assert read.balance_of("expired:PTS").total == 100


def test_held_points_expire_only_after_they_came_back(move, time_machine):
    time_machine.move_to(dt.datetime(2030, 4, 30, 4, 0, tzinfo=dt.UTC), tick=False)
    move("issuance", "li", 100, until=APRIL)
    held = ledger.hold(key="h", wallet="li", amount=60, expires_at=timezone.now() + dt.timedelta(days=3))
    time_machine.move_to(dt.datetime(2030, 5, 1, 4, 0, tzinfo=dt.UTC), tick=False)
    assert ledger.expire_due().amount == 40
    ledger.release(held.pk, key="r", actor="li")  # with a grace of thirty days
    assert ledger.expire_due(MAY).amount == 0
    assert ledger.expire_due(MAY + dt.timedelta(days=1)).amount == 60
