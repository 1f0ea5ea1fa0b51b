"""Money back: two persons, never more than is left, never what is spent; by hand and by the bank."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from marketplace.funds.errors import AlreadySpent, BadAmount
from marketplace.payments.errors import DayInFuture, ReferenceTaken, RefundExceeds
from marketplace.payments.models import Payment, Refund
from marketplace.payments.practice import money
from marketplace.payments.services import by_hand, refunds
from marketplace.payments.services.syncing import sync_payment
from tests.factories.payments import World, assert_equation, at_double, balance
from timebank.common import sweeps
from timebank.common.errors import KeyConflict, ReasonMissing, SamePerson, WrongState
from timebank.registry.errors import NotAllowed

pytestmark = pytest.mark.django_db


def ask(world: World, payment: Payment, fen: int, **words: object) -> Refund:
    """Prepare a refund as the keeper."""
    given = {"reason": "重复付款", "key": uuid.uuid4(), "actor": world.keeper, **words}
    return refunds.ask_refund(payment=payment, amount_minor=fen, **given)


def test_asked_approved_sent_booked_once(world: World):
    payment = world.paid()
    refund = ask(world, payment, 60_000)
    assert world.left() == 97_070
    refunds.decide_refund(refund=refund, approve=True, actor=world.approver)
    for _ in range(2):
        assert refunds.send_refund(pk=refund.pk).state == "succeeded"
    assert (world.left(), Refund.objects.count()) == (37_070, 1)
    assert -balance("asset:practice") == at_double(world)
    assert_equation(world)


@pytest.mark.money_without_rows("what is spent belongs to no ticket")
def test_worked_example_1_what_is_spent_is_refused_with_the_most(world: World):
    payment = world.paid()
    world.give(20_000)
    world.spend(48_000, world.purpose)
    refund = ask(world, payment, 60_000)
    with pytest.raises(AlreadySpent) as refusal:
        refunds.decide_refund(refund=refund, approve=True, actor=world.approver)
    assert refusal.value.params["most"] == 49_070
    refund.refresh_from_db()
    assert (refund.state, world.left(), world.free()) == ("asked", 49_070, 20_000)
    refunds.decide_refund(refund=refund, approve=True, actor=world.approver, from_free=True)
    refunds.send_refund(pk=refund.pk)
    assert (world.left(), world.free()) == (0, 9_070)


@pytest.mark.money_without_rows("what is spent belongs to no ticket")
def test_two_refunds_together_never_promise_more_than_is_unspent(world: World):
    first, second = world.paid(), world.paid()
    world.spend(100_000, world.purpose)
    refunds.decide_refund(refund=ask(world, first, 60_000), approve=True, actor=world.approver)
    with pytest.raises(AlreadySpent) as refusal:
        refunds.decide_refund(refund=ask(world, second, 60_000), approve=True, actor=world.approver)
    assert refusal.value.params["most"] == 2 * 97_070 - 100_000 - 60_000


def test_never_more_than_is_left_of_the_payment(world: World):
    payment = world.paid()
    ask(world, payment, 60_000)
    with pytest.raises(RefundExceeds) as refusal:
        ask(world, payment, 40_001)
    assert refusal.value.params["left"] == 40_000
    assert Refund.objects.count() == 1


def test_what_a_dispute_took_is_not_given_back_as_well(world: World):
    """Open or lost it counts as given; won it is there again. Before, the keeper was offered the whole once more."""
    payment = world.paid()
    world.give(200_000)
    dispute = world.dispute(payment, 60_000)
    sync_payment(payment.pk)
    assert refunds.left_of(payment) == 40_000
    with pytest.raises(RefundExceeds) as refusal:
        ask(world, payment, 40_001)
    assert refusal.value.params["left"] == 40_000
    with world.double.world.lock:
        money.close_dispute(world.double.world, dispute, won=True)
    sync_payment(payment.pk)
    assert refunds.left_of(payment) == 100_000


@pytest.mark.parametrize(
    ("_case", "fen", "words", "error"),
    [
        ("zero", 0, {}, BadAmount),
        ("fraction", 1.5, {}, BadAmount),
        ("no reason", 100, {"reason": " "}, ReasonMissing),
    ],
)
def test_bad_input_changes_nothing(world: World, _case, fen, words, error):
    payment = world.paid()
    with pytest.raises(error):
        ask(world, payment, fen, **words)
    assert not Refund.objects.exists()


def test_who_may(world: World):
    payment = world.paid()
    for actor in (world.donor, world.stranger, world.far_keeper, world.approver):
        with pytest.raises(NotAllowed):
            ask(world, payment, 100, actor=actor)
    refund = ask(world, payment, 100)
    for actor in (world.keeper, world.stranger):
        with pytest.raises(NotAllowed):
            refunds.decide_refund(refund=refund, approve=True, actor=actor)
    assert Refund.objects.get().state == "asked"


def test_the_same_form_twice_is_one_refund(world: World):
    payment = world.paid()
    key = uuid.uuid4()
    assert ask(world, payment, 60_000, key=key).pk == ask(world, payment, 60_000, key=key).pk
    with pytest.raises(KeyConflict):
        ask(world, payment, 100, key=key)


def test_declined_sends_nothing_and_is_decided_once(world: World):
    refund = ask(world, world.paid(), 100)
    refunds.decide_refund(refund=refund, approve=False, actor=world.approver)
    with pytest.raises(WrongState):
        refunds.decide_refund(refund=refund, approve=True, actor=world.approver)
    assert refunds.send_refund(pk=refund.pk).state == "declined"
    assert world.left() == 97_070


@pytest.mark.parametrize("how", ["500", "lost"])
def test_an_answer_that_is_lost_sends_one_refund(world: World, monkeypatch, how):
    monkeypatch.setattr("marketplace.payments.practice.server.TIMEOUT_PAUSE", 0.05)
    refund = ask(world, world.paid(), 60_000)
    refunds.decide_refund(refund=refund, approve=True, actor=world.approver)
    world.double.world.moods.failures = [{"on": "POST /v1/refunds", "how": how}] * 3
    assert sweeps.run(refunds.SEND_REFUNDS).failed == 1
    refund.refresh_from_db()
    assert refund.state == "approved"
    world.double.world.moods.failures = []
    sweeps.run(refunds.SEND_REFUNDS, at_once=True)
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert len(world.double.world.all("refund")) == 1
    assert world.left() == 37_070


# -- By hand -----------------------------------------------------------------------------------------------------------
def announce(world: World, fen: int = 50_000, **words: object) -> Payment:
    """Announce a transfer as the donor."""
    given = {"fund": world.fund, "amount_fen": fen, "key": uuid.uuid4(), "title": "捐赠", "actor": world.donor}
    return by_hand.announce_transfer(**{**given, **words})


def test_a_transfer_is_recorded_by_one_and_booked_by_another(world: World):
    payment = announce(world, purpose=world.purpose)
    assert payment.state == "open"
    by_hand.record_transfer(payment=payment, received_on=timezone.localdate(), actor=world.keeper)
    assert world.left() == 0
    by_hand.confirm_transfer(payment=payment, actor=world.approver)
    payment.refresh_from_db()
    assert (payment.state, world.left(), -balance(world.fund.bank_account.asset_key)) == ("booked", 50_000, 50_000)
    with pytest.raises(WrongState):
        by_hand.confirm_transfer(payment=payment, actor=world.approver)
    assert_equation(world)


def test_the_same_person_never_confirms(world: World):
    from timebank.registry import services as registry

    town = world.approver.role_grants.get().region
    registry.grant_role(user=world.approver, role="fund_keeper", actor=None, region=town)
    world.approver.__dict__.pop("_live_grants", None)
    payment = announce(world)
    by_hand.record_transfer(payment=payment, received_on=timezone.localdate(), actor=world.approver)
    with pytest.raises(SamePerson):
        by_hand.confirm_transfer(payment=payment, actor=world.approver)
    payment.refresh_from_db()
    assert (payment.state, world.free()) == ("paid", 0)


def test_money_that_is_not_there_is_given_up(world: World):
    payment = announce(world)
    by_hand.record_transfer(payment=payment, received_on=timezone.localdate(), actor=world.keeper)
    by_hand.confirm_transfer(payment=payment, actor=world.approver, arrived=False, reason="没有到账")
    payment.refresh_from_db()
    assert (payment.state, world.free()) == ("failed", 0)


def test_references_are_one_of_a_kind_and_days_are_past(world: World):
    announce(world, reference="SJ-AAA")
    with pytest.raises(ReferenceTaken):
        announce(world, reference="sj-aaa")
    announce(world, fund=world.other_fund, reference="SJ-AAA")
    payment = announce(world)
    with pytest.raises(DayInFuture):
        by_hand.record_transfer(
            payment=payment, received_on=timezone.localdate() + dt.timedelta(days=1), actor=world.keeper
        )
    with pytest.raises(NotAllowed):
        by_hand.record_transfer(payment=payment, received_on=timezone.localdate(), actor=world.far_keeper)


def test_a_receipt_typed_too_high_is_put_right_by_two(world: World):
    payment = by_hand.record_receipt(
        fund=world.fund, amount_fen=50_000, key=uuid.uuid4(), received_on=timezone.localdate(), actor=world.keeper
    )
    by_hand.confirm_transfer(payment=payment, actor=world.approver)
    refund = ask(world, payment, 5_000, kind="correction")
    refunds.decide_refund(refund=refund, approve=True, actor=world.approver)
    assert (world.free(), -balance(world.fund.bank_account.asset_key)) == (45_000, 45_000)
    assert_equation(world)
