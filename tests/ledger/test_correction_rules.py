"""What a reversal and a refund write down, which lots get what, and who pays."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Posting, RefundTotal, Transfer
from timebank.ledger.services.corrections import graced, refunded
from timebank.ledger.types import Leg, LotUse, LotView, TransferSpec

WORDS = {"reason": "redeem", "memo": "rice", "actor": "li", "on_behalf_of": "wang", "source": "ticket:9", "rule": "v3"}


def reverse(posted, key="reverse", **more):
    return ledger.reverse(posted.id, **{"key": key, "reason": "mistake", "actor": "staff:1", **more})


def refund(posted, amount, key="refund", **more):
    return ledger.refund(posted.id, **{"amount": amount, "key": key, "reason": "late", "actor": "staff:1", **more})


def described(posted):
    view = read.transfer_by_id(posted.id)
    return {name: getattr(view, name) for name in ("key", "kind", "unit", "reverses_id", "refund_of_id", *WORDS)}


def moved(posted):
    view = read.transfer_by_id(posted.id)
    return [(one.leg, one.debit, one.credit, one.amount) for one in view.postings]


def paid_in_two(move):
    """Pay 60 to the shop and 30 to the bath in one transfer, out of two lots."""
    move("issuance", "li", 50, until=SOON)
    move("issuance", "li", 50, until=LATER)
    legs = (Leg("li", "shop", 60), Leg("li", "bath", 30))
    return ledger.post(TransferSpec(key="pay", kind="redeem", legs=legs, **WORDS))


# -- What is written ---------------------------------------------------------------------------------------------------
def test_a_reversal_says_who_and_why_and_of_what(move):
    paid = paid_in_two(move)
    back = reverse(paid, memo="wrong button")
    assert described(back) == {
        "key": "reverse", "kind": "reverse", "unit": "PTS", "reverses_id": paid.id, "refund_of_id": None,
        "reason": "mistake", "memo": "wrong button", "actor": "staff:1", "on_behalf_of": "",
        "source": "ticket:9", "rule": "v3",
    }  # fmt: skip
    assert described(reverse(move("issuance", "li", 1), key="quiet"))["memo"] == ""


def test_a_refund_says_who_and_why_and_of_what(move):
    paid = paid_in_two(move)
    back = refund(paid, 10, memo="one bag was wet", on_behalf_of="li")
    assert described(back) == {
        "key": "refund", "kind": "refund", "unit": "PTS", "reverses_id": None, "refund_of_id": paid.id,
        "reason": "late", "memo": "one bag was wet", "actor": "staff:1", "on_behalf_of": "li",
        "source": "ticket:9", "rule": "v3",
    }  # fmt: skip
    quiet = described(refund(paid, 10, key="quiet"))
    assert (quiet["memo"], quiet["on_behalf_of"]) == ("", "")


def test_a_reversal_mirrors_every_posting_the_last_one_first(move):
    paid = paid_in_two(move)
    back = reverse(paid)
    assert moved(paid) == [(0, "li", "shop", 50), (0, "li", "shop", 10), (1, "li", "bath", 30)]
    assert moved(back) == [(1, "bath", "li", 30), (0, "shop", "li", 10), (0, "shop", "li", 50)]
    origins = [one.origin_id for one in read.transfer_by_id(back.id).postings]
    assert origins == [one.id for one in reversed(read.transfer_by_id(paid.id).postings)]
    assert back.lots == (LotUse(LATER, "", 40), LotUse(SOON, "", 50))


def test_corrections_of_money_stay_money(village):
    ledger.open_account(key="bank", kind="system", unit="CNY")
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    paid_in = ledger.post(TransferSpec(key="in", kind="gift", legs=(Leg("bank", "fund", 500),), unit="CNY"))
    paid_out = ledger.post(TransferSpec(key="out", kind="buy", legs=(Leg("fund", "bank", 200),), unit="CNY"))
    assert described(refund(paid_out, 50))["unit"] == "CNY"
    assert described(reverse(paid_in))["unit"] == "CNY"
    assert (read.balance_of("fund").total, read.balance_of("fund").debt) == (0, 150)
    assert read.balance_of("debt:CNY").total == -150


# -- Which lots --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("day", "back"),
    [
        (dt.date(2030, 5, 3), dt.date(2030, 6, 3)),
        (dt.date(2030, 5, 4), dt.date(2030, 5, 4)),
        (dt.date(2030, 5, 5), dt.date(2030, 5, 5)),
    ],
)
def test_points_keep_their_day_or_get_thirty_from_today(day, back):
    assert graced(day, dt.date(2030, 5, 4)) == back


def test_a_reversal_after_the_day_gives_a_grace_too(move, time_machine):
    time_machine.move_to(dt.datetime(2030, 1, 10, tzinfo=dt.UTC))
    move("issuance", "li", 100, until=dt.date(2030, 1, 31), earmark="food")
    paid = move("li", "shop", 80, allow_restrictions=("food",))
    time_machine.move_to(dt.datetime(2030, 2, 28, 16, 30, tzinfo=dt.UTC))  # the first of March in the village
    reverse(paid)
    assert read.lots_of("li") == [LotView(dt.date(2030, 3, 31), "food", 80)]


def test_a_refund_of_earmarked_points_keeps_the_earmark(move):
    move("issuance", "li", 50, until=SOON, earmark="food")
    paid = move("li", "shop", 50, allow_restrictions=("food",))
    assert refund(paid, 20).lots == (LotUse(SOON, "food", 20),)
    assert read.lots_of("li") == [LotView(SOON, "food", 20)]


def test_a_reversed_gift_comes_out_of_the_lot_it_went_into(move):
    move("issuance", "li", 30, until=LATER)
    gift = move("li", "wang", 30)
    move("issuance", "wang", 30, until=SOON)
    reverse(gift)
    assert read.lots_of("wang") == [LotView(SOON, "", 30)]
    assert read.lots_of("li") == [LotView(LATER, "", 30)]


def test_a_reversal_between_accounts_without_lots_is_plain(move):
    paid = move("shop", "bath", 30)
    assert reverse(paid).lots == ()
    assert (read.balance_of("shop").total, read.balance_of("bath").total) == (0, 0)


def test_refunds_go_on_with_what_earlier_ones_left_of_each_posting(move):
    paid = paid_in_two(move)
    assert moved(refund(paid, 35, key="a")) == [(0, "bath", "li", 30), (1, "shop", "li", 5)]
    assert moved(refund(paid, 15, key="b")) == [(0, "shop", "li", 5), (1, "shop", "li", 10)]
    with pytest.raises(errors.RefundExceeds) as refused:
        refund(paid, 41, key="c")
    assert refused.value.params == {"left": 40}
    assert moved(refund(paid, 40, key="d")) == [(0, "shop", "li", 40)]
    rows = Posting.objects.filter(transfer_id=paid.id).order_by("id")
    assert refunded(row.pk for row in rows) == {rows[0].pk: 50, rows[1].pk: 10, rows[2].pk: 30}
    assert refunded([])[1] == 0


def test_a_receiver_named_pays_for_its_own_part_only(move):
    paid = paid_in_two(move)
    assert moved(refund(paid, 20, key="a", from_account="shop")) == [(0, "shop", "li", 10), (1, "shop", "li", 10)]
    with pytest.raises(errors.RefundExceeds) as refused:
        refund(paid, 41, key="b", from_account="shop")
    assert refused.value.params == {"left": 40}
    assert read.transfer_by_id(paid.id).refunded == 20


def test_another_payer_gives_back_in_the_same_order(move):
    paid = paid_in_two(move)
    back = refund(paid, 35, from_account="issuance")
    assert moved(back) == [(0, "issuance", "li", 30), (1, "issuance", "li", 5)]
    assert read.balance_of("issuance").total == -135


def test_only_what_a_wallet_paid_is_given_back(move):
    legs = (Leg("issuance", "li", 40, SOON), Leg("li", "shop", 25))
    both = ledger.post(TransferSpec(key="both", kind="test", legs=legs))
    with pytest.raises(errors.RefundExceeds) as refused:
        refund(both, 26)
    assert refused.value.params == {"left": 25}
    assert moved(refund(both, 25)) == [(0, "shop", "li", 25)]


# -- What is refused ---------------------------------------------------------------------------------------------------
def refused_by(call, *words, **more):
    before = Transfer.objects.count()
    with pytest.raises(errors.LedgerError) as refused:
        call(*words, **more)
    assert Transfer.objects.count() == before
    return type(refused.value), refused.value.code, refused.value.params


def test_a_correction_is_not_corrected(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 50)
    for back in (refund(paid, 10), reverse(move("issuance", "li", 1))):
        expected = (errors.LedgerError, "correction_of_correction", {"id": back.id})
        assert refused_by(reverse, back, key="x") == expected
        assert refused_by(refund, back, 1, key="x") == expected


def test_neither_a_hold_nor_its_answer_is_reversed(move):
    move("issuance", "li", 100)
    soon = timezone.now() + dt.timedelta(hours=1)
    held = ledger.hold(key="h", wallet="li", amount=10, expires_at=soon)
    answer = ledger.capture(held.pk, to="shop", key="c", actor="x")
    for id in (held.transfer_id, answer.id):
        with pytest.raises(errors.LedgerError) as refused:
            ledger.reverse(id, key="x", reason="", actor="")
        assert (refused.value.code, refused.value.params) == ("reversal_of_hold", {"id": id})


def test_refusals_name_the_transfer(move):
    move("issuance", "li", 100)
    one, two = move("li", "shop", 40), move("li", "shop", 40)
    refund(one, 10)
    assert refused_by(reverse, one) == (errors.RefundExceeds, "refund_exceeds", {"id": one.id})
    reverse(two)
    assert refused_by(reverse, two, key="again") == (errors.AlreadyReversed, "already_reversed", {"id": two.id})
    minted = move("issuance", "shop", 5)
    assert refused_by(refund, minted, 5, key="x") == (errors.RefundExceeds, "refund_exceeds", {"id": minted.id})
    with pytest.raises(errors.UnknownTransfer) as refused:
        ledger.reverse(0, key="x", reason="", actor="")
    assert refused.value.params == {"id": 0}


def test_nothing_of_a_reversed_transfer_is_refunded_even_in_another_way(move):
    paid = paid_in_two(move)
    reverse(paid)
    assert refused_by(refund, paid, 1, from_account="bath") == (
        errors.RefundExceeds, "refund_exceeds", {"id": paid.id, "left": 0},
    )  # fmt: skip


def test_a_key_that_was_used_for_something_else_is_a_conflict(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 40, key="paid")
    other = move("li", "shop", 10, key="other")
    assert refused_by(reverse, paid, key="other")[0] is errors.KeyConflict
    assert refused_by(refund, paid, 10, key="other")[0] is errors.KeyConflict
    refund(other, 10, key="mine")
    assert refused_by(refund, paid, 10, key="mine")[0] is errors.KeyConflict
    refund(paid, 10, key="from-shop", from_account="shop")
    assert refused_by(refund, paid, 10, key="from-shop")[0] is errors.KeyConflict
    assert RefundTotal.objects.get(pk=paid.id).refunded == 10


@pytest.mark.parametrize("changes", [{"reason": "other"}, {"memo": "other"}, {"actor": "other"}])
def test_a_correction_sent_again_must_say_the_same(move, changes):
    move("issuance", "li", 100)
    one, two = move("li", "shop", 40), move("li", "shop", 40)
    reverse(one, key="r1")
    refund(two, 10, key="r2")
    assert refused_by(reverse, one, key="r1", **changes)[0] is errors.KeyConflict
    assert refused_by(refund, two, 10, key="r2", **changes)[0] is errors.KeyConflict
    assert (reverse(one, key="r1").replayed, refund(two, 10, key="r2").replayed) == (True, True)
    assert RefundTotal.objects.get(pk=one.id).refunded == 40
    assert RefundTotal.objects.get(pk=two.id).refunded == 10


@pytest.mark.parametrize("changes", [{"key": ""}, {"reason": "x" * 65}, {"memo": "a\0b"}])
def test_a_correction_that_is_not_well_formed_is_refused(move, changes):
    paid = paid_in_two(move)
    assert refused_by(reverse, paid, **changes)[0] is errors.InvalidTransfer
    assert refused_by(refund, paid, 5, **changes)[0] is errors.InvalidTransfer


def test_a_refund_that_its_payer_cannot_pay_leaves_the_total_alone(move):
    move("issuance", "li", 100)
    paid = move("li", "shop", 40)
    assert refused_by(refund, paid, 10, from_account="wang")[0] is errors.InsufficientFunds
    assert not RefundTotal.objects.filter(refunded__gt=0).exists()
    assert read.transfer_by_id(paid.id).refunded == 0


def test_the_total_of_a_transfer_is_what_it_moved(move):
    paid = paid_in_two(move)
    refund(paid, 10)
    total = RefundTotal.objects.get()
    assert (total.pk, total.cap, total.refunded) == (paid.id, 90, 10)
    other = move("issuance", "li", 7)
    reverse(other)
    total = RefundTotal.objects.get(pk=other.id)
    assert (total.cap, total.refunded) == (7, 7)


def test_a_reversed_credit_that_had_repaid_a_debt_is_taken_back_once(move):
    wrong = move("issuance", "li", 60)
    move("li", "shop", 60)
    reverse(wrong)  # leaves a debt of 60
    repaid = move("issuance", "li", 25)
    assert read.balance_of("li").debt == 35
    back = reverse(repaid, key="back")
    assert moved(back) == [(-1, "debt:PTS", "li", 25), (0, "li", "issuance", 25)]
    assert (read.balance_of("li").total, read.balance_of("li").debt) == (0, 60)
    assert RefundTotal.objects.get(pk=repaid.id).cap == 25
