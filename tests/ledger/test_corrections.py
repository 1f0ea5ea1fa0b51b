"""Reversals, refunds and the debt that is left when the points are already spent."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Account, Transfer
from timebank.ledger.types import Leg, LotUse, LotView, TransferSpec


def reverse(posted, key="reverse"):
    return ledger.reverse(posted.id, key=key, reason="mistake", actor="staff:1")


def refund(posted, amount, key="refund", **more):
    return ledger.refund(posted.id, amount=amount, key=key, reason="cancelled", actor="staff:1", **more)


def test_reversal_gives_the_points_back_to_their_old_day(move):
    move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 100, until=LATER)
    paid = move("li", "shop", 150)
    back = reverse(paid)
    assert read.lots_of("li") == [LotView(SOON, "", 100), LotView(LATER, "", 100)]
    assert read.balance_of("shop").total == 0
    view = read.transfer_by_id(back.id)
    assert (view.kind, view.reverses_id, view.reason, view.actor) == ("reverse", paid.id, "mistake", "staff:1")
    assert read.transfer_by_id(paid.id).reversed_by_id == back.id


def test_reversal_happens_once(move):
    move("issuance", "li", 100, until=SOON)
    paid = move("li", "shop", 50)
    first = reverse(paid)
    assert reverse(paid).id == first.id
    with pytest.raises(errors.AlreadyReversed):
        reverse(paid, key="another")
    assert read.balance_of("li").total == 100


def test_reversal_of_a_reversal_is_refused(move):
    back = reverse(move("issuance", "li", 100))
    with pytest.raises(errors.LedgerError):
        reverse(back, key="again")


def test_unknown_transfer_cannot_be_corrected(village):
    with pytest.raises(errors.UnknownTransfer):
        ledger.reverse(999, key="x", reason="", actor="")
    with pytest.raises(errors.UnknownTransfer):
        ledger.refund(999, amount=1, key="x", reason="", actor="")


def test_reversal_of_a_gift_takes_it_from_the_receiver(move):
    move("issuance", "li", 100, until=SOON)
    gift = move("li", "wang", 60)
    reverse(gift)
    assert (read.balance_of("li").total, read.balance_of("wang").total) == (100, 0)
    assert read.lots_of("li") == [LotView(SOON, "", 100)]


def test_points_that_come_back_after_their_day_get_a_grace(move, time_machine):
    time_machine.move_to(dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    move("issuance", "li", 100, until=dt.date(2030, 1, 31))
    paid = move("li", "shop", 80)
    time_machine.move_to(dt.datetime(2030, 3, 1, tzinfo=dt.UTC))
    refund(paid, 30)
    assert read.lots_of("li") == [LotView(dt.date(2030, 3, 31), "", 30)]
    assert read.transfer_by_id(paid.id).refunded == 30


def test_reversal_of_spent_points_leaves_a_debt_that_credits_repay(move):
    wrong = move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 20, until=LATER)
    move("li", "shop", 90)
    reverse(wrong)
    balance = read.balance_of("li")
    assert (balance.total, balance.spendable, balance.debt) == (0, 0, 70)
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 1)
    move("issuance", "li", 50, until=LATER)
    assert (read.balance_of("li").total, read.balance_of("li").debt) == (0, 20)
    move("issuance", "li", 50, until=LATER)
    assert (read.balance_of("li").total, read.balance_of("li").debt) == (30, 0)
    assert read.balance_of("debt:PTS").total == 0
    assert [line.kind for line in read.statement("li").lines][:2] == ["debt", "test"]


def test_earmarked_credits_repay_nothing(move):
    wrong = move("issuance", "li", 100)
    move("li", "shop", 100)
    reverse(wrong)
    move("issuance", "li", 40, earmark="food")
    balance = read.balance_of("li")
    assert (balance.restricted, balance.debt) == (40, 100)


def test_reversal_takes_the_reversed_lot_first(move):
    wrong = move("issuance", "li", 50, until=LATER)
    move("issuance", "li", 50, until=SOON)
    reverse(wrong)
    assert read.lots_of("li") == [LotView(SOON, "", 50)]


def test_refund_gives_back_what_was_eaten_last(move):
    move("issuance", "li", 100, until=SOON)
    move("issuance", "li", 100, until=LATER)
    paid = move("li", "shop", 150)
    assert refund(paid, 60).lots == (LotUse(LATER, "", 50), LotUse(SOON, "", 10))
    assert refund(paid, 90, key="rest").lots == (LotUse(SOON, "", 90),)
    assert read.lots_of("li") == [LotView(SOON, "", 100), LotView(LATER, "", 100)]


def test_refunds_never_exceed_what_was_paid(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 80)
    refund(paid, 50)
    with pytest.raises(errors.RefundExceeds):
        refund(paid, 31, key="more")
    assert refund(paid, 50).replayed
    refund(paid, 30, key="rest")
    with pytest.raises(errors.RefundExceeds):
        refund(paid, 1, key="one")
    assert read.balance_of("li").total == 100


@pytest.mark.parametrize("amount", [0, -1, 1.5])
def test_refund_amount_must_be_whole_and_above_zero(move, amount):
    move("issuance", "li", 100)
    paid = move("li", "shop", 80)
    with pytest.raises(errors.InvalidAmount):
        refund(paid, amount)


def test_refund_key_with_another_amount_is_refused(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 80)
    refund(paid, 10)
    with pytest.raises(errors.KeyConflict):
        refund(paid, 11)


def test_a_refunded_transfer_is_not_reversed_nor_a_reversed_one_refunded(move):
    move("issuance", "li", 100)
    one, two = move("li", "shop", 40), move("li", "shop", 40)
    refund(one, 10)
    with pytest.raises(errors.RefundExceeds):
        reverse(one)
    reverse(two, key="two")
    with pytest.raises(errors.RefundExceeds):
        refund(two, 1, key="r2")
    assert read.balance_of("li").total == 70


def test_refund_from_one_receiver_is_limited_to_what_it_got(move):
    move("issuance", "li", 100)
    legs = (Leg("li", "shop", 60), Leg("li", "bath", 30))
    paid = ledger.post(TransferSpec(key="pay", kind="redeem", legs=legs))
    with pytest.raises(errors.RefundExceeds):
        refund(paid, 31, from_account="bath")
    refund(paid, 30, from_account="bath", key="bath")
    assert read.balance_of("bath").total == 0
    refund(paid, 60, key="shop")
    assert read.balance_of("shop").total == 0
    assert read.balance_of("li").total == 100


def test_refund_may_come_from_where_the_points_went_on_to(move):
    move("issuance", "li", 100, until=SOON)
    paid = move("li", "shop", 60)
    move("shop", "bath", 60)
    refund(paid, 60, from_account="bath")
    assert read.balance_of("bath").total == 0
    assert read.lots_of("li") == [LotView(SOON, "", 100)]


def test_what_no_wallet_paid_is_not_refunded(move):
    with pytest.raises(errors.RefundExceeds):
        refund(move("issuance", "shop", 5), 5)


def test_refused_corrections_leave_no_trace(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 80)
    before = (Transfer.objects.count(), Account.objects.get(key="li").version)
    with pytest.raises(errors.RefundExceeds):
        refund(paid, 81)
    assert (Transfer.objects.count(), Account.objects.get(key="li").version) == before
