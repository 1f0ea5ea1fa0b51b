"""Money that nobody announced, what nobody can explain, an event that failed: pages by which two persons see to it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.payments.models import BalanceTransaction, Payment, StripeEvent
from marketplace.payments.practice import money
from marketplace.payments.services import by_hand, strays
from tests.factories.payments import World, assert_equation


def as_(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def receipt(world: World, **more: Any) -> dict[str, Any]:
    return {
        "provider": "bank",
        "amount": "500.00",
        "payer": "热心村民",
        "received_on": timezone.localdate().isoformat(),
        "document": "回单1",
        "fund": world.fund.pk,
        "purpose": world.purpose.pk,
        "key": uuid.uuid4(),
        **more,
    }


def test_an_unannounced_transfer_is_recorded_once_and_confirmed_by_another(world: World) -> None:
    keeper, form = as_(world.keeper), receipt(world)
    assert reverse("payments:new") in keeper.get(reverse("payments:list")).content.decode()
    for _time in range(2):
        answer = keeper.post(reverse("payments:new"), form)
    payment = Payment.objects.get()
    assert answer.url == reverse("payments:payment", args=[payment.pk])
    assert (payment.state, payment.amount_minor, payment.payer, world.left()) == ("paid", 50_000, "热心村民", 0)
    keeper.post(reverse("payments:confirm", args=[payment.pk]))
    assert world.left() == 0  # the same person
    as_(world.approver).post(reverse("payments:confirm", args=[payment.pk]))
    assert world.left() == 50_000
    assert_equation(world)


@pytest.mark.parametrize(
    "wrong", [{"amount": "0"}, {"amount": "1.234"}, {"payer": ""}, {"received_on": "2999-01-01"}, {"document": ""}]
)
def test_a_wrong_receipt_says_why_and_writes_nothing(world: World, wrong: dict[str, str]) -> None:
    answer = as_(world.keeper).post(reverse("payments:new"), receipt(world, **wrong))
    assert answer.status_code == 422
    assert not Payment.objects.exists()


def test_a_receipt_goes_only_to_a_fund_that_one_keeps(world: World) -> None:
    assert as_(world.far_keeper).post(reverse("payments:new"), receipt(world)).status_code == 422
    far = receipt(world, fund=world.other_fund.pk)
    assert as_(world.far_keeper).post(reverse("payments:new"), far).status_code == 422  # another fund's purpose
    for user in (world.donor, world.stranger, world.approver):
        assert as_(user).get(reverse("payments:new")).status_code == 404
    assert not Payment.objects.exists()


def announced(world: World) -> Payment:
    return by_hand.announce_transfer(
        fund=world.fund, amount_fen=10_000, key=uuid.uuid4(), title="捐款", actor=world.donor
    )


def test_the_keeper_gives_up_a_transfer_that_does_not_come(world: World) -> None:
    payment = announced(world)
    here = reverse("payments:withdraw", args=[payment.pk])
    assert here in as_(world.keeper).get(reverse("payments:payment", args=[payment.pk])).content.decode()
    assert as_(world.far_keeper).post(here).status_code == 404
    as_(world.keeper).post(here)
    payment.refresh_from_db()
    assert payment.state == "expired"


def test_the_payer_gives_up_a_transfer_but_not_one_that_has_arrived(world: World) -> None:
    payment, other = announced(world), announced(world)
    by_hand.record_transfer(payment=other, received_on=timezone.localdate(), actor=world.keeper)
    for item in (payment, other):
        answer = as_(world.donor).post(reverse("payments:cancel", args=[item.public_id]))
        assert answer.status_code == 302
        item.refresh_from_db()
    assert (payment.state, other.state) == ("expired", "paid")
    assert as_(world.stranger).post(reverse("payments:cancel", args=[other.public_id])).status_code == 404


def stray(world: World) -> BalanceTransaction:
    """Let money come that no payment of ours asked for."""
    with world.double.world.lock:
        intent = money.new_intent(world.double.world, amount=30_000, currency="cny", metadata={})
        money.pay(world.double.world, intent, "pm_card_visa")
    assert strays.record_strays("practice", intent["id"]) == 1
    return BalanceTransaction.objects.get(stray=True)


def test_unexplained_money_is_placed_by_two(world: World) -> None:
    line = stray(world)
    here, keeper, approver = reverse("payments:stray", args=[line.pk]), as_(world.keeper), as_(world.approver)
    assert line.txn in keeper.get(reverse("payments:strays")).content.decode()
    assert keeper.post(here, {"fund": world.fund.pk, "purpose": world.purpose.pk, "propose": "1"}).status_code == 302
    keeper.post(here, {"confirm": "1"})
    line.refresh_from_db()
    assert (line.stray, world.left()) == (True, 0)
    assert 'name="confirm"' in approver.get(here).content.decode()
    approver.post(here, {"confirm": "1"})
    line.refresh_from_db()
    assert (line.stray, world.left()) == (False, line.net)
    assert_equation(world)
    assert as_(world.stranger).get(here).status_code == 404


def test_a_failed_event_is_taken_up_again_from_the_page(world: World) -> None:
    event = StripeEvent.objects.create(
        provider="practice",
        event="evt_1",
        type="payout.unknown",
        body='{"data": {"object": {"id": "x"}}}',
        state="failed",
        error="ZeroDivisionError",
        attempts=12,
    )
    page = as_(world.keeper).get(reverse("payments:reconciliation")).content.decode()
    assert "evt_1" in page
    here = reverse("payments:retry", args=[event.pk])
    assert here in page
    assert as_(world.donor).post(here).status_code == 404
    event.refresh_from_db()
    assert event.state == "failed"
    as_(world.keeper).post(here)
    event.refresh_from_db()
    assert event.state != "failed"


@pytest.mark.parametrize("name", ["strays", "reconciliation"])
def test_a_list_costs_the_same_for_one_row_and_for_thirty(world: World, name: str) -> None:
    client = as_(world.keeper)

    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            BalanceTransaction.objects.create(
                txn=f"txn_{number}",
                provider="practice",
                kind="charge",
                currency="CNY",
                amount=100,
                net=100,
                stray=True,
                created_at=timezone.now(),
                place_fund=world.fund,
                place_prepared_by=world.keeper,
            )
            StripeEvent.objects.create(
                provider="practice", event=f"evt_{number}", type="payout.paid", body="{}", state="failed"
            )

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(reverse(f"payments:{name}")).status_code == 200
        return len(seen)

    grow(0, 1)
    count()
    few = count()
    grow(1, 20)
    assert count() == few
