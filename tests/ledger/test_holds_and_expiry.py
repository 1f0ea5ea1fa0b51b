"""Holds: placed, captured in part, released, lapsed, once. Expiry: a transfer like any other."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.ledger.conftest import LATER, SOON
from timebank.common.tasks import task_sweep
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Hold, HoldResolution, Transfer
from timebank.ledger.types import LotUse, LotView

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def held(move):
    move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 100, until=LATER)
    return ledger.hold(key="hold", wallet="li", amount=150, expires_at=timezone.now() + HOUR, source="booking:1")


def test_held_points_cannot_be_spent(held, move):
    balance = read.balance_of("li")
    assert (balance.total, balance.held, balance.spendable) == (200, 150, 50)
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 51)


def test_the_same_hold_is_placed_once(held):
    again = ledger.hold(key="hold", wallet="li", amount=150, expires_at=held.expires_at, source="booking:1")
    assert again.pk == held.pk
    with pytest.raises(errors.KeyConflict):
        ledger.hold(key="hold", wallet="li", amount=149, expires_at=held.expires_at, source="booking:1")
    assert Hold.objects.count() == 1


def test_a_hold_needs_a_wallet_enough_points_and_time(move):
    soon = timezone.now() + HOUR
    with pytest.raises(errors.InsufficientFunds):
        ledger.hold(key="h", wallet="li", amount=1, expires_at=soon)
    with pytest.raises(errors.HoldExpired):
        ledger.hold(key="h", wallet="li", amount=1, expires_at=timezone.now() - HOUR)
    with pytest.raises(errors.InvalidTransfer):
        ledger.hold(key="h", wallet="shop", amount=1, expires_at=soon)
    assert Hold.objects.count() == 0
    assert Transfer.objects.count() == 0


def test_capture_in_part_uses_the_soonest_lots_and_gives_back_the_rest(held):
    ledger.capture(held.pk, to="shop", amount=120, key="capture", actor="clerk:1")
    assert read.balance_of("shop").total == 120
    assert read.balance_of("li").held == 0
    assert read.lots_of("li") == [LotView(LATER, "", 80)]
    assert read.balance_of("holds:PTS").total == 0


def test_capture_of_all_and_to_several(held):
    ledger.capture(held.pk, to=[("shop", 100), ("bath", 50)], key="capture", actor="clerk:1")
    assert (read.balance_of("shop").total, read.balance_of("bath").total) == (100, 50)
    assert read.balance_of("li").total == 50


def test_release_restores_the_lots(held):
    posted = ledger.release(held.pk, key="release", actor="li")
    assert posted.lots == (LotUse(SOON, "", 100), LotUse(LATER, "", 50))
    assert read.balance_of("li").spendable == 200


@pytest.mark.parametrize("amount", [0, -5, 151])
def test_never_more_is_captured_than_is_held(held, amount):
    with pytest.raises(errors.InvalidAmount):
        ledger.capture(held.pk, to="shop", amount=amount, key="capture", actor="x")
    assert read.balance_of("li").held == 150


def test_a_hold_is_resolved_once(held):
    first = ledger.capture(held.pk, to="shop", amount=20, key="capture", actor="x")
    assert ledger.capture(held.pk, to="shop", amount=20, key="capture", actor="x").id == first.id
    with pytest.raises(errors.KeyConflict):
        ledger.capture(held.pk, to="shop", amount=21, key="capture", actor="x")
    with pytest.raises(errors.HoldResolved):
        ledger.capture(held.pk, to="shop", amount=20, key="other", actor="x")
    with pytest.raises(errors.HoldResolved):
        ledger.release(held.pk, key="release", actor="x")
    assert ledger.lapse_due_holds(timezone.now() + 2 * HOUR) == 0
    assert HoldResolution.objects.count() == 1
    assert read.balance_of("shop").total == 20


def test_a_hold_that_ran_out_is_not_captured_but_lapses(held, time_machine):
    time_machine.move_to(held.expires_at)
    with pytest.raises(errors.HoldExpired):
        ledger.capture(held.pk, to="shop", key="capture", actor="x")
    assert task_sweep("lapse holds") == {"handled": 1, "failed": 0}
    assert task_sweep("lapse holds") == {"handled": 0, "failed": 0}
    assert read.balance_of("li").spendable == 200
    assert HoldResolution.objects.get().outcome == "lapsed"


def test_holds_are_not_reversed_behind_their_back(held):
    with pytest.raises(errors.LedgerError):
        ledger.reverse(held.transfer_id, key="x", reason="", actor="")
    with pytest.raises(errors.UnknownTransfer):
        ledger.release(held.pk + 1, key="x", actor="")


def test_expiry_moves_what_is_past_its_day(move):
    move("issuance", "li", 100, until=dt.date(2020, 1, 31))
    move("issuance", "li", 50, until=dt.date(2020, 2, 29), earmark="food")
    move("issuance", "li", 30, until=LATER)
    move("issuance", "wang", 7, until=dt.date(2020, 1, 31))
    report = ledger.expire_due()
    assert (report.wallets, report.amount) == (2, 157)
    assert read.balance_of("expired:PTS").total == 157
    assert read.balance_of("li").total == 30
    assert task_sweep("expire points") == {"handled": 0, "failed": 0}


def test_points_go_to_the_wallets_own_account_of_expired_points(move):
    ledger.open_account(key="expired:region:7", kind="system")
    ledger.set_expiry_account(key="li", expires_to="expired:region:7")
    move("issuance", "li", 100, until=dt.date(2020, 1, 31))
    ledger.expire_due()
    assert read.balance_of("expired:region:7").total == 100
    with pytest.raises(errors.UnknownAccount):
        ledger.set_expiry_account(key="nobody", expires_to="x")


def test_points_expire_again_after_they_came_back(move):
    move("issuance", "li", 100, until=dt.date(2020, 1, 31))
    ledger.expire_due()
    move("issuance", "li", 40, until=dt.date(2020, 1, 31))
    assert ledger.expire_due().amount == 40
    assert read.balance_of("expired:PTS").total == 140


def test_the_last_day_is_still_good(move):
    move("issuance", "li", 100, until=SOON)
    assert ledger.expire_due(SOON).amount == 0
    assert ledger.expire_due(SOON + dt.timedelta(days=1)).amount == 100
