"""Returns, hooks and clicks at once: one posting, one page to pay on; and controls with the guards off."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import pytest
from django.db import connection

from marketplace.payments import providers
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.services import events, starting, syncing
from tests.factories.payments import World, assert_equation
from tests.payments.conftest import _double, double  # noqa: F401 - fixtures
from tests.support import worlds
from timebank.common import guards
from timebank.ledger.models import Transfer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pg_only("SQLite has one writer: there is no race to show"),
]
MANY = 20


def postings() -> int:
    """Count the donations in the ledger."""
    return Transfer.objects.filter(kind="donation").count()


made = worlds.fixture("made", "tests.factories.payments.build")


@pytest.fixture
def world(made: World, double: Any) -> World:  # noqa: F811
    made.double = double
    return made


def hooks(world: World) -> list[int]:
    """Store the double's events as the webhook does; return their ids."""
    found = world.events("checkout.session.completed", "charge.succeeded", "payment_intent.succeeded")
    kept = [events.store_event(provider="practice", event=event, body=json.dumps(event)) for event in found]
    return [pk for pk in kept if pk]


def test_twenty_returns_and_hooks_at_once_post_once(world: World, run_concurrently: Any) -> None:
    payment = world.pay(world.start())
    waiting = hooks(world)
    assert waiting

    def work(number: int) -> None:
        if number % 2:
            events.process_event(waiting[number % len(waiting)])
        else:
            syncing.sync_payment(payment.pk)

    answer = run_concurrently(work, MANY)
    assert answer.errors == []
    payment.refresh_from_db()
    assert (payment.state, payment.gross_fen, payment.fee_fen) == ("booked", 100_000, 2_930)
    assert (postings(), world.left()) == (1, 97_070)
    assert not StripeEvent.objects.exclude(state__in=["done", "received", "ignored"]).exists()
    assert_equation(world)


@pytest.fixture
def together(world: World, monkeypatch: pytest.MonkeyPatch) -> Payment:
    """Let all who bring a payment forward have read its line before any of them books it."""
    payment = world.pay(world.start())
    remote = providers.of("practice").sync(Payment.objects.get(pk=payment.pk))
    for line in remote.lines:
        syncing.record_line(line, provider="practice", payment=payment)
    barrier = threading.Barrier(4, timeout=20)
    fresh = syncing._fresh

    def wait(*args: Any, **words: Any) -> Any:
        result = fresh(*args, **words)
        if result:
            barrier.wait()
        return result

    monkeypatch.setattr(syncing, "_fresh", wait)
    return payment


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock of the payment away: that of the read, and that which its own update would be."""
    payments = Payment.objects.select_related("fund__bank_account", "purpose")
    monkeypatch.setattr(syncing, "lock_payment", lambda pk: payments.get(pk=pk))
    monkeypatch.setattr(Payment, "save", lambda self, **words: None)


def test_without_the_lock_the_key_still_stands(
    world: World, together: Payment, unlocked: None, run_concurrently: Any
) -> None:
    answer = run_concurrently(lambda _number: syncing.sync_payment(together.pk), 4)
    assert answer.errors == []
    assert (postings(), world.left()) == (1, 97_070)


def test_control_without_the_lock_and_the_key_the_money_comes_four_times(
    world: World, together: Payment, unlocked: None, run_concurrently: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "transfer_key", lambda txn: f"stripe:{txn}:{uuid.uuid4()}")
    answer = run_concurrently(lambda _number: syncing.sync_payment(together.pk), 4)
    assert answer.errors == []
    assert (postings(), world.left()) == (4, 4 * 97_070)


def test_what_was_read_earlier_and_comes_late_changes_nothing(world: World) -> None:
    payment = world.start()
    stale = providers.of("practice").sync(Payment.objects.get(pk=payment.pk))
    assert stale.state == "open"
    syncing.sync_payment(world.pay(payment).pk)
    syncing.apply_remote(payment.pk, stale)
    payment.refresh_from_db()
    assert payment.state == "booked"


def test_control_without_forward_only_states_a_late_answer_unpays_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = world.start()
    stale = providers.of("practice").sync(Payment.objects.get(pk=payment.pk))
    syncing.sync_payment(world.pay(payment).pk)
    with connection.cursor() as cursor:  # the database refuses it as well
        cursor.execute("DROP TRIGGER payments_payment_forward ON payments_payment")
    monkeypatch.setattr(syncing, "may_become", lambda row, state: True)
    syncing.apply_remote(payment.pk, stale)
    payment.refresh_from_db()
    assert payment.state == "open"
    guards.ALL.install()


def test_ten_clicks_are_one_session(world: World, run_concurrently: Any) -> None:
    answer = run_concurrently(lambda _number: world.start(source="pledge:1"), 10)
    assert answer.errors == []
    assert Payment.objects.count() == 1
    assert len(world.double.world.all("checkout.session")) == 1


def test_control_without_the_look_up_only_the_constraint_stands(
    world: World, run_concurrently: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_same", lambda wanted: None)
    answer = run_concurrently(lambda _number: world.start(source="pledge:1"), 10)
    assert len(answer.errors) == 9  # refused by the database: nine people see an error
    assert len(world.double.world.all("checkout.session")) == 1


def test_control_clicks_that_name_nothing_are_ten_sessions(world: World, run_concurrently: Any) -> None:
    run_concurrently(lambda _number: world.start(source=""), 10)
    assert len(world.double.world.all("checkout.session")) == 10
