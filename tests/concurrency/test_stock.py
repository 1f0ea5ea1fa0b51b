"""The last five pieces of soap and twenty buyers."""

from __future__ import annotations

import time

import pytest
from django.db.models import F
from django.db.models.functions import Coalesce

from marketplace.funds.models import Batch
from marketplace.partner.errors import OutOfStock
from marketplace.partner.models import StockRecord
from marketplace.partner.services import create_partner
from marketplace.rewards import errors
from marketplace.rewards.models import StockTransfer
from marketplace.rewards.services import transfers
from tests.factories import market
from timebank.registry.models import User

pytestmark = [
    pytest.mark.pg_only("row locks decide who gets the last one"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def soap() -> StockRecord:
    return market.make().reward("香皂", "5", stock=5)


def test_five_in_stock_and_twenty_buyers_give_five_promises(soap, run_concurrently):
    outcome = run_concurrently(lambda: StockRecord.objects.get(pk=soap.pk).allocate(1), 20)
    outcome.raise_unless(OutOfStock)
    assert (len(outcome.results), len(outcome.of(OutOfStock))) == (5, 15)
    soap.refresh_from_db()
    assert (soap.num_in_stock, soap.num_allocated) == (5, 5)


def test_promises_and_returns_at_once_keep_the_count(soap, run_concurrently):
    soap.allocate(5)

    def take_or_give(number: int) -> None:
        record = StockRecord.objects.get(pk=soap.pk)
        if number % 2:
            record.cancel_allocation(1)
        else:
            record.consume_allocation(1)

    from marketplace.partner.errors import StockConflict

    outcome = run_concurrently(take_or_give, 12)
    outcome.raise_unless(StockConflict)
    soap.refresh_from_db()
    assert len(outcome.results) == 5
    assert soap.num_allocated == 0


def test_control_looking_before_leaping_sells_more_than_there_is(soap, run_concurrently):
    """Oscar's way (look, then add without a guard) must fail here, or the tests above prove nothing."""
    import threading

    from django.db import connection

    everyone_has_looked = threading.Barrier(20, timeout=30)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE partner_stockrecord DROP CONSTRAINT stock_never_sold_twice")

    def oscars_way() -> None:
        record = StockRecord.objects.get(pk=soap.pk)
        enough = record.net_stock_level >= 1
        everyone_has_looked.wait()
        if enough:
            StockRecord.objects.filter(pk=soap.pk).update(num_allocated=Coalesce(F("num_allocated"), 0) + 1)

    try:
        run_concurrently(oscars_way, 20).raise_unless()
        soap.refresh_from_db()
        assert soap.num_allocated == 20
    finally:
        StockRecord.objects.filter(pk=soap.pk).update(num_allocated=5)
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE partner_stockrecord ADD CONSTRAINT stock_never_sold_twice "
                "CHECK (num_allocated IS NULL OR num_in_stock IS NULL OR num_allocated <= num_in_stock)"
            )


def test_oscars_own_allocate_is_stopped_by_the_database(soap, run_concurrently):
    """Without our guard the CHECK is still there: the sixth promise is refused, though with a worse sentence."""
    from django.db import IntegrityError
    from oscar.apps.partner.abstract_models import AbstractStockRecord

    def unguarded() -> None:
        AbstractStockRecord.allocate(StockRecord.objects.get(pk=soap.pk), 1)

    outcome = run_concurrently(unguarded, 20)
    outcome.raise_unless(IntegrityError)
    soap.refresh_from_db()
    assert (len(outcome.results), soap.num_allocated) == (5, 5)


@pytest.fixture
def sending(db) -> StockTransfer:
    """Return five pieces on their way, worth 10.00, between two villages with a fund."""
    from marketplace.funds.services import setup
    from marketplace.rewards import services as rewards
    from tests.factories import funds

    money = funds.make()
    world = money.world
    setup.open_fund(region=world.other_village, bank_account=money.bank, actor=money.town)
    record = world.reward("盐", 100, stock=0)
    money.give(1000)
    rewards.receive_stock(stockrecord=record, quantity=5, cost_fen=1000, actor=world.keeper)
    far_shop = create_partner(name="寨西超市", village=world.other_village)
    world.staff("寨西保管员", "stock_keeper", region=world.other_village)
    return transfers.send_stock(stockrecord=record, target=far_shop, quantity=5, actor=world.keeper)


def received_and_taken_back(sending: StockTransfer, run_concurrently) -> tuple[int, int, set[str]]:
    """Let it be counted four times and taken back four times at once; return the pieces and the value there are now."""
    far_keeper = User.objects.get(name="寨西保管员")
    keeper = sending.sent_by

    def act(number: int) -> None:
        if number % 2:
            transfers.cancel_transfer(transfer=sending, actor=keeper)
        else:
            transfers.receive_transfer(transfer=sending, counted=5, actor=far_keeper)

    outcome = run_concurrently(act, 8)
    shelf = sum(StockRecord.objects.filter(product=sending.stockrecord.product).values_list("num_in_stock", flat=True))
    value = sum(Batch.objects.values_list("fen_left", flat=True))
    return shelf, value, {type(error).__name__ for error in outcome.errors}


def test_a_sending_is_counted_or_taken_back_once(sending, run_concurrently):
    assert received_and_taken_back(sending, run_concurrently) == (5, 1000, {"TransferClosed"})


def test_control_without_its_lock_a_sending_arrives_more_than_once(sending, run_concurrently, monkeypatch):
    """Read without a lock, or the test above proves nothing."""

    def look(transfer: StockTransfer) -> StockTransfer:
        row = StockTransfer.objects.get(pk=transfer.pk)
        if row.state != StockTransfer.State.SENT:
            raise errors.TransferClosed
        time.sleep(0.2)
        return row

    monkeypatch.setattr(transfers, "_lock", look)
    shelf, _value, _errors = received_and_taken_back(sending, run_concurrently)
    assert shelf > 5
