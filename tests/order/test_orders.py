"""Orders: one supplier, a number nobody guesses, a state that changes once, and no back doors."""

from __future__ import annotations

from decimal import Decimal

import pytest
from oscar.apps.order.exceptions import InvalidOrderStatus
from oscar.core import prices

from marketplace.basket.models import Basket
from marketplace.basket.services import add_to_basket
from marketplace.order.errors import OneSupplier
from marketplace.order.models import Order
from marketplace.order.numbers import check_digit, is_number, new_number
from marketplace.order.processing import EventHandler
from marketplace.order.utils import OrderCreator
from marketplace.partner.errors import OutOfStock
from marketplace.partner.models import StockRecord
from marketplace.partner.strategy import Selector
from marketplace.shipping.repository import Repository
from timebank.common.errors import DomainError


def test_number_is_random_and_finds_one_wrong_digit_and_neighbours_swapped():
    numbers = [new_number() for _ in range(300)]
    assert len(set(numbers)) == 300
    for number in numbers[:50]:
        assert is_number(number)
        for place in range(len(number)):
            other = str((int(number[place]) + 3) % 10)
            assert not is_number(number[:place] + other + number[place + 1 :])
    assert not is_number("12345678901x")
    assert not is_number("")
    assert check_digit("0794") == "5"  # ISO/IEC 7064, MOD 11,10, the standard's own example


@pytest.fixture
def person(market):
    return market.resident(points=100000)


def basket_of(person, *records, quantity=1) -> Basket:
    basket = Basket.open.create(owner=person.user)
    basket.strategy = Selector().strategy(resident=person)
    for record in records:
        add_to_basket(basket=basket, product=record.product, quantity=quantity)
    return basket


def place(basket: Basket, **extra) -> Order:
    total = prices.Price("PTS", basket.total_excl_tax, basket.total_incl_tax)
    method = Repository().get_default_shipping_method(basket)
    return OrderCreator().place_order(
        basket, total, shipping_method=method, shipping_charge=method.calculate(basket), user=basket.owner, **extra
    )


def test_order_knows_its_supplier_and_village(market, person):
    order = place(basket_of(person, market.reward("香皂", "5"), quantity=3))
    assert (order.partner, order.village, order.status) == (market.shop, market.village, "placed")
    assert is_number(order.number)
    assert order.total_incl_tax == Decimal(15)
    assert [line.status for line in order.lines.all()] == ["placed"]
    assert StockRecord.objects.get().num_allocated == 3


def test_basket_of_two_suppliers_is_no_order(market, person):
    basket = basket_of(
        person, market.reward("香皂", "5"), market.reward("洗浴一次", "10", partner=market.bath, stock=None)
    )
    with pytest.raises(OneSupplier):
        place(basket)
    with pytest.raises(OneSupplier):
        place(basket_of(person, market.reward("毛巾", "5")), partner=market.bath)
    assert not Order.objects.exists()


def test_order_without_enough_stock_leaves_nothing(market, person):
    record = market.reward("香皂", "5", stock=2)
    basket = basket_of(person, record, quantity=2)
    record.allocate(1)
    with pytest.raises(OutOfStock):
        place(basket)
    assert not Order.objects.exists()
    assert StockRecord.objects.get(pk=record.pk).num_allocated == 1


def test_title_is_kept_in_chinese_whoever_acts(market, person):
    from django.utils import translation

    with translation.override("en"):
        order = place(basket_of(person, market.reward("香皂", "5", title_en="Soap")))
    assert [line.title for line in order.lines.all()] == ["香皂"]


def test_state_moves_once_and_only_where_it_may(market, person):
    order = place(basket_of(person, market.reward("香皂", "5")))
    rival = Order.objects.get(pk=order.pk)
    order.set_status("cancelled")
    with pytest.raises(InvalidOrderStatus):
        rival.set_status("handed_over")  # a stale object: the row has moved on
    with pytest.raises(InvalidOrderStatus):
        order.set_status("placed")
    assert Order.objects.get(pk=order.pk).status == "cancelled"
    assert [(c.old_status, c.new_status) for c in order.status_changes.all()] == [("placed", "cancelled")]


def test_oscars_event_handler_opens_no_back_door(market, person):
    order = place(basket_of(person, market.reward("香皂", "5")))
    handler = EventHandler()
    for attempt in (
        lambda: handler.handle_order_status_change(order, "handed_over"),
        lambda: handler.handle_payment_event(order, None, 99999),
        lambda: handler.handle_shipping_event(order, None, [], []),
        lambda: handler.cancel_stock_allocations(order),
        lambda: handler.consume_stock_allocations(order),
    ):
        with pytest.raises(DomainError):
            attempt()
    assert Order.objects.get(pk=order.pk).status == "placed"
    assert StockRecord.objects.get().num_allocated == 1


def test_looking_and_ordering_write_no_analytics(client, market, person):
    from oscar.apps.analytics.models import ProductRecord, UserProductView, UserRecord
    from oscar.apps.catalogue.signals import product_viewed
    from oscar.apps.order.signals import order_placed

    record = market.reward("香皂", "5")
    client.force_login(person.user)
    client.get(record.product.get_absolute_url())
    place(basket_of(person, record))
    assert not any(model.objects.exists() for model in (ProductRecord, UserRecord, UserProductView))
    listening = [receiver() for signal in (order_placed, product_viewed) for __, receiver, *__ in signal.receivers]
    assert not [one for one in listening if one.__module__.startswith("oscar.apps.analytics")]


def test_everything_is_collected_and_costs_nothing(market, person):
    basket = basket_of(person, market.reward("香皂", "5"))
    (method,) = Repository().get_shipping_methods(basket)
    assert method.code == "collect"
    assert method.calculate(basket).incl_tax == 0
    assert basket.is_shipping_required() is False
