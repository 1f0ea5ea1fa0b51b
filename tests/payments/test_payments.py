"""From the first click to the books: what a donor pays is in the fund once, less the fee, whatever happens between."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from marketplace.funds.errors import BadAmount
from marketplace.payments.errors import AmountMismatch, PaymentOpen, ProviderDown, ProviderOff, ProviderRefused
from marketplace.payments.models import BalanceTransaction, Dispute, Payment, Refund
from marketplace.payments.practice import checkout, money
from marketplace.payments.services import starting, syncing
from marketplace.payments.services.syncing import sync_payment
from tests.factories.payments import World, assert_equation, at_double, balance
from timebank.common.errors import KeyConflict

pytestmark = pytest.mark.django_db


def test_a_thousand_is_earmarked_less_its_fee(world: World):
    payment = world.paid()
    assert (payment.state, payment.gross_fen, payment.fee_fen) == ("booked", 100_000, 2_930)
    assert (world.left(), world.free()) == (97_070, 0)
    assert -balance("asset:practice") == 97_070 == at_double(world)
    assert list(BalanceTransaction.objects.filter(booked=True).values_list("net", flat=True)) == [97_070]
    assert balance("asset:stripe") == 0  # practice never touches the real asset
    assert_equation(world)


def test_without_purpose_the_money_is_free(world: World):
    world.paid(purpose=None)
    assert (world.left(), world.free()) == (0, 97_070)


def test_again_and_again_books_once(world: World):
    payment = world.paid()
    for _ in range(3):
        sync_payment(payment.pk)
    assert world.left() == 97_070
    assert BalanceTransaction.objects.count() == 1


def test_declined_card_leaves_the_page_open_and_another_card_pays(world: World):
    payment = world.start()
    with pytest.raises(Exception, match="declined"):
        world.pay(payment, "pm_card_chargeDeclined")
    assert sync_payment(payment.pk).state == "open"
    assert world.left() == 0
    world.pay(payment)
    assert sync_payment(payment.pk).state == "booked"


def test_money_that_comes_later_is_processing_then_booked(world: World):
    payment = world.pay(world.start(), "pm_practice_delayed")
    assert sync_payment(payment.pk).state == "processing"
    assert world.left() == 0
    payment.refresh_from_db()
    with world.double.world.lock:
        money.finish_delayed(world.double.world, payment.intent, succeeds=True)
    assert sync_payment(payment.pk).state == "booked"
    assert world.left() == 97_070


def test_money_that_never_comes_is_failed(world: World):
    payment = world.pay(world.start(), "pm_practice_delayed")
    sync_payment(payment.pk)
    payment.refresh_from_db()
    with world.double.world.lock:
        money.finish_delayed(world.double.world, payment.intent, succeeds=False)
    assert sync_payment(payment.pk).state == "failed"
    assert balance("asset:practice") == 0


def test_a_charge_without_its_balance_line_is_paid_and_booked_when_the_line_comes(world: World):
    world.double.world.moods.late_balance = True
    payment = world.paid()
    assert payment.state == "paid"
    assert world.left() == 0
    with world.double.world.lock:
        money.settle_charge(world.double.world, world.charge_of(payment))
    assert sync_payment(payment.pk).state == "booked"
    assert world.left() == 97_070


def test_an_expired_page_is_expired_but_may_still_become_paid(world: World):
    payment = world.start()
    world.double.world.offset += 3700
    assert sync_payment(payment.pk).state == "expired"
    session = world.double.world.objects[payment.session]
    session["status"] = "open"  # paid in the last second, told late
    session["expires_at"] += 10_000
    world.pay(payment)
    assert sync_payment(payment.pk).state == "booked"


@pytest.mark.parametrize(
    ("_case", "field", "value"),
    [("amount", "amount_total", 90_000), ("currency", "currency", "usd")],
)
def test_another_amount_or_currency_goes_to_suspense(world: World, _case, field, value):
    payment = world.start()
    world.pay(payment)
    world.double.world.objects[payment.session][field] = value
    payment = sync_payment(payment.pk)
    assert (payment.state, payment.failure) == ("paid", "amount_mismatch")
    assert (world.left(), balance("suspense:practice")) == (0, 97_070)
    assert_equation(world)
    sync_payment(payment.pk)
    assert balance("suspense:practice") == 97_070


def test_a_session_that_says_it_is_of_another_payment_changes_nothing(world: World):
    payment = world.start()
    world.pay(payment)
    world.double.world.objects[payment.session]["client_reference_id"] = str(uuid.uuid4())
    assert sync_payment(payment.pk).state == "open"
    assert (world.left(), balance("suspense:practice")) == (0, 0)


def test_a_closed_purpose_takes_nothing_and_the_money_waits_in_suspense(world: World):
    payment = world.start()
    world.pay(payment)
    world.purpose.state = "closed"
    world.purpose.save()
    payment = sync_payment(payment.pk)
    assert (payment.state, payment.failure, balance("suspense:practice")) == ("paid", "purpose_closed", 97_070)


def test_yen_has_no_smaller_unit_and_is_booked_at_what_stripe_settled(world: World):
    world.double.world.moods.fee_next = 14_594
    payment = world.paid(100_000, currency="JPY")
    assert payment.exponent == 0
    assert world.double.world.objects[payment.session]["amount_total"] == 100_000
    assert (payment.gross_fen, payment.fee_fen, world.left()) == (485_000, 14_594, 470_406)


def test_settled_in_another_currency_stays_paid_and_counts_nothing(world: World):
    world.double.world.moods.settles_in = "hkd"
    payment = world.paid(100_000, currency="HKD")
    assert (payment.state, payment.gross_fen) == ("paid", 0)
    assert (world.left(), balance("asset:practice"), balance("suspense:practice")) == (0, 0, 0)


# -- Starting ---------------------------------------------------------------------------------------------------------
def test_the_same_key_is_the_same_page(world: World):
    key = uuid.uuid4()
    first = world.start(key=key)
    assert world.start(key=key).session_url == first.session_url
    assert len(world.double.world.all("checkout.session")) == 1
    with pytest.raises(KeyConflict):
        world.start(5_000, key=key)


def test_one_open_page_for_one_pledge(world: World):
    first = world.start(source="gift:1")
    assert world.start(source="gift:1").pk == first.pk
    with pytest.raises(PaymentOpen):
        world.start(5_000, source="gift:1")
    assert world.start(source="gift:2").pk != first.pk


def test_a_page_that_ran_out_is_replaced(world: World, monkeypatch):
    first = world.start(source="gift:1")
    Payment.objects.filter(pk=first.pk).update(expires_at=first.created_at)
    with world.double.world.lock:
        checkout.expire(world.double.world, first.session)
    second = world.start(source="gift:1")
    assert second.pk != first.pk
    first.refresh_from_db()
    assert first.state == "expired"


def test_a_page_given_up_makes_room_for_another_way(world: World):
    payment = world.start(source="gift:1")
    assert starting.cancel_payment(payment=payment, actor=world.donor).state == "expired"
    assert world.start(5_000, source="gift:1").state == "open"


@pytest.mark.parametrize("how", ["429", "500", "timeout", "lost"])
def test_an_answer_that_fails_is_asked_again_under_the_same_key(world: World, monkeypatch, how):
    monkeypatch.setattr("marketplace.payments.providers.stripe.TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr("marketplace.payments.practice.server.TIMEOUT_PAUSE", 0.7)
    world.double.world.moods.failures = [{"on": "POST /v1/checkout/sessions", "how": how}] * 4
    key = uuid.uuid4()
    with pytest.raises(ProviderDown):
        world.start(key=key)
    payment = Payment.objects.get(key=key)
    assert (payment.state, payment.session) == ("creating", "")
    world.double.world.moods.failures = []
    assert world.start(key=key).state == "open"
    assert len(world.double.world.all("checkout.session")) == 1


def test_what_stripe_refuses_is_failed_and_nothing_is_open(world: World):
    key = uuid.uuid4()
    with pytest.raises(ProviderRefused):
        world.start(key=key, locale="zh", currency="")
    assert Payment.objects.get(key=key).state == "failed"


def test_a_request_that_differs_under_its_key_is_failed(world: World):
    key = uuid.uuid4()
    world.double.world.moods.failures = [{"on": "POST /v1/checkout/sessions", "how": "429"}] * 3
    with pytest.raises(ProviderDown):
        world.start(key=key)
    world.double.world.moods.failures = []
    payment = Payment.objects.get(key=key)
    world.double.world.answers[f"payment:{payment.public_id}:checkout"] = [["/v1/checkout/sessions", "other"], 200, {}]
    with pytest.raises(ProviderRefused):
        world.start(key=key)
    payment.refresh_from_db()
    assert payment.state == "failed"


def test_bad_amounts_and_no_provider(world: World, settings):
    for amount in (0, -5, 1.5):
        with pytest.raises(BadAmount):
            world.start(amount)
    with pytest.raises(AmountMismatch):
        world.start(fund=world.other_fund)
    settings.PRACTICE_PAYMENTS = ""
    with pytest.raises(ProviderOff):
        world.start()
    assert not Payment.objects.exists()


# -- What the database itself refuses ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("back to open", {"state": "open"}),
        ("another amount", {"amount_minor": 1}),
        ("another fund", {"fund_id": None}),
        ("another key", {"key": uuid.uuid4()}),
    ],
)
def test_a_payment_never_goes_back_nor_changes_what_it_is(world: World, _case, change):
    payment = world.paid()
    if "fund_id" in change:
        change = {"fund_id": world.other_fund.pk}
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.filter(pk=payment.pk)._raw_delete("default")
    payment.refresh_from_db()
    assert payment.state == "booked"


def test_a_stale_answer_moves_nothing_back(world: World):
    payment = world.start()
    old = syncing.providers.of("practice").sync(payment)
    world.pay(payment)
    sync_payment(payment.pk)
    assert syncing.apply_remote(payment.pk, old).state == "booked"


def test_control_without_forward_only_a_stale_answer_moves_it_back(world: World, monkeypatch):
    from django.db import connection

    payment = world.start()
    old = syncing.providers.of("practice").sync(payment)
    world.pay(payment)
    sync_payment(payment.pk)
    monkeypatch.setattr(syncing, "may_become", lambda _row, _state: True)
    with pytest.raises(IntegrityError), transaction.atomic():  # the database is the second guard
        syncing.apply_remote(payment.pk, old)
    with connection.cursor() as cursor:
        on = " ON payments_payment" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER payments_payment_forward{on}")
    assert syncing.apply_remote(payment.pk, old).state == "open"


# -- Refunds and disputes that the provider tells of -------------------------------------------------------------------
@pytest.mark.money_without_rows("what is spent belongs to no ticket")
def test_worked_example_1_a_refund_at_stripe_takes_the_purpose_then_free_money(world: World):
    payment = world.paid()
    world.give(20_000)
    world.spend(48_000, world.purpose)
    assert (world.left(), world.free()) == (49_070, 20_000)
    with world.double.world.lock:
        money.refund(world.double.world, {"payment_intent": payment.intent, "amount": 60_000})
    sync_payment(payment.pk)
    sync_payment(payment.pk)
    assert (world.left(), world.free()) == (0, 9_070)
    refund = Refund.objects.get()
    assert (refund.state, refund.foreign, refund.amount_minor) == ("succeeded", True, 60_000)
    assert -balance("asset:practice") == at_double(world)
    assert_equation(world)


def test_two_equal_refunds_are_two(world: World):
    payment = world.paid()
    for _ in range(2):
        with world.double.world.lock:
            money.refund(world.double.world, {"payment_intent": payment.intent, "amount": 10_000})
    sync_payment(payment.pk)
    assert Refund.objects.count() == 2
    assert world.left() == 77_070


def test_a_refund_that_comes_back_is_back_where_it_was(world: World):
    payment = world.paid()
    world.give(5_000)
    with world.double.world.lock:
        given = money.refund(world.double.world, {"payment_intent": payment.intent, "amount": 99_000})
    sync_payment(payment.pk)
    assert (world.left(), world.free()) == (0, 3_070)
    with world.double.world.lock:
        money.finish_refund(world.double.world, given["id"], succeeds=False)
    sync_payment(payment.pk)
    sync_payment(payment.pk)
    assert (world.left(), world.free()) == (97_070, 5_000)
    assert Refund.objects.get().state == "failed"
    assert -balance("asset:practice") == at_double(world)
    assert_equation(world)


@pytest.mark.money_without_rows("what is spent belongs to no ticket")
def test_worked_example_2_a_dispute_lost_sight_of_and_won(world: World):
    payment = world.paid(purpose=None)
    world.spend(97_070)
    world.give(5_000)
    assert (world.free(), world.owed()) == (5_000, 0)
    dispute = world.dispute(payment)
    sync_payment(payment.pk)
    assert (world.free(), world.owed()) == (0, -105_500)
    world.give(30_000)
    assert (world.free(), world.owed()) == (0, -75_500)
    with world.double.world.lock:
        money.close_dispute(world.double.world, dispute, won=True)
    sync_payment(payment.pk)
    sync_payment(payment.pk)
    assert (world.free(), world.owed()) == (24_500, 0)
    assert Dispute.objects.get().state == "won"
    assert -balance("asset:practice") == at_double(world)
    assert_equation(world)


def test_a_lost_dispute_moves_nothing_more_and_a_question_nothing_at_all(world: World):
    payment = world.paid()
    warning = world.dispute(payment, warning=True)
    sync_payment(payment.pk)
    assert (Dispute.objects.get().state, world.left()) == ("warning", 97_070)
    with world.double.world.lock:
        money.close_dispute(world.double.world, warning, won=True)
    dispute = world.dispute(payment)
    sync_payment(payment.pk)
    after = (world.left(), world.free(), world.owed())
    assert after == (0, 0, -2_930 - 10_500)  # the fee of a dispute is never taken from a purpose
    with world.double.world.lock:
        money.close_dispute(world.double.world, dispute, won=False)
    sync_payment(payment.pk)
    assert (world.left(), world.free(), world.owed()) == after
    assert {one.state for one in Dispute.objects.all()} == {"won", "lost"}
    assert_equation(world)


def test_a_fee_that_comes_back_with_a_won_dispute_is_free_money(world: World):
    payment = world.paid()
    world.give(20_000)
    dispute = world.dispute(payment, 50_000)
    sync_payment(payment.pk)
    assert (world.left(), world.free()) == (47_070, 9_500)
    with world.double.world.lock:
        money.close_dispute(world.double.world, dispute, won=True, fee_returned=True)
    sync_payment(payment.pk)
    assert (world.left(), world.free()) == (97_070, 20_000)
    assert -balance("asset:practice") == at_double(world)
