"""Goods at cost: batches, what leaves first and at what value, undo, counts, gifts valued late."""

from __future__ import annotations

import datetime as dt

import pytest

from marketplace.funds import errors, posting
from marketplace.funds.models import Batch, Purchase
from marketplace.funds.services import goods
from marketplace.funds.services.goods import Moved
from tests.factories.funds import Money, agree, owed, total, well
from timebank.common.errors import WrongState


def shelf(money: Money) -> int:
    asset, mirror = posting.goods_keys(money.world.shop.pk)
    assert total(asset) == -total(mirror)
    return total(mirror)


def receive(money: Money, movement: int, units: int, **facts: object) -> Batch:
    made = goods.stock_received(
        stockrecord=money.world.soap, movement_id=movement, units=units, actor=money.keeper, **facts
    )
    assert made is not None
    return made


def leave(money: Money, movement: int, units: int, ticket: int | None = None) -> int:
    soap = money.world.soap
    return goods.stock_left(moved=[Moved(movement, soap.pk, soap.partner_id, units, ticket)], actor=None)


def test_example_four_the_last_unit_takes_the_rest(money: Money) -> None:
    """Three units for 10.00: 3.33, 3.33, 3.34."""
    receive(money, 1, 3, cost_fen=1000)
    assert [leave(money, number, 1) for number in (2, 3, 4)] == [333, 333, 334]
    assert shelf(money) == 0
    well()


def test_goods_bought_are_owed_on_the_next_statement(money: Money) -> None:
    money.give(5000)
    receive(money, 1, 10, cost_fen=3000)
    assert (shelf(money), owed(money.fund, money.world.shop)) == (3000, 3000)
    assert Purchase.objects.get().fen == 3000
    well()


def test_what_ends_first_leaves_first_then_what_is_older(money: Money) -> None:
    receive(money, 1, 2, cost_fen=200)
    receive(money, 2, 2, cost_fen=600, use_by=dt.date(2027, 5, 1))
    receive(money, 3, 2, cost_fen=400, use_by=dt.date(2027, 3, 1))
    assert leave(money, 4, 5) == 400 + 600 + 100
    assert shelf(money) == 100
    well()


def test_units_that_no_batch_knows_cost_nothing(money: Money) -> None:
    receive(money, 1, 1, cost_fen=100)
    assert leave(money, 2, 4) == 100
    well()


def test_an_undo_brings_back_what_left_at_its_value(money: Money) -> None:
    receive(money, 1, 3, cost_fen=1000)
    leave(money, 2, 1, ticket=7)
    leave(money, 3, 1, ticket=8)
    goods.stock_back(ticket_id=8, movement_id=4, actor=None)
    goods.stock_back(ticket_id=8, movement_id=4, actor=None)
    batch = Batch.objects.get()
    assert (batch.units_left, batch.fen_left, shelf(money)) == (2, 667, 667)
    assert leave(money, 5, 1, ticket=8) == 333
    well()


def test_a_count_upwards_is_worth_nothing_downwards_costs(money: Money) -> None:
    receive(money, 1, 4, cost_fen=400)
    goods.stock_counted(stockrecord=money.world.soap, movement_id=2, change=3, actor=None)
    assert shelf(money) == 400
    goods.stock_counted(stockrecord=money.world.soap, movement_id=3, change=-1, actor=None)
    assert shelf(money) == 300
    well()


def test_goods_valued_late_what_has_left_is_booked_in_and_out(money: Money) -> None:
    batch = receive(money, 1, 40, source="delivery", donor="春风公司")
    assert shelf(money) == 0
    leave(money, 2, 15)
    with pytest.raises(errors.EvidenceMissing):
        goods.value_batch(batch=batch, fen=40000, actor=money.keeper, reason=" ")
    goods.value_batch(batch=batch, fen=40000, actor=money.keeper, reason="发票 25371000001")
    assert shelf(money) == 25000
    with pytest.raises(WrongState):
        goods.value_batch(batch=batch, fen=40000, actor=money.keeper, reason="again")
    assert leave(money, 3, 25) == 25000
    well()


def test_a_suppliers_own_goods_are_not_the_villages(money: Money) -> None:
    agree(money, money.world.soap, 500)
    made = goods.stock_received(stockrecord=money.world.soap, movement_id=1, units=3, cost_fen=900, actor=money.keeper)
    assert made is None
    assert owed(money.fund, money.world.shop) == 0
