"""Orders: one supplier, a number nobody guesses, a state that changes once, and no back doors."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from oscar.apps.order.exceptions import InvalidOrderStatus

from marketplace.order.models import Order
from marketplace.order.numbers import check_digit, is_number, new_number
from marketplace.partner.models import StockRecord
from marketplace.rewards.services.redemption.redeeming import redeem
from timebank.registry.models import Consent


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
    made = market.resident(points=100000)
    Consent.objects.create(resident=made, version="1")
    return made


def place(person, *wants) -> Order:
    return redeem(
        resident=person,
        lines=[(record.pk, quantity) for record, quantity in wants],
        key=uuid.uuid4(),
        actor=person.user,
    ).orders.get()


def test_order_knows_its_supplier_and_village(market, person):
    order = place(person, (market.reward("香皂", "5"), 3))
    assert (order.partner, order.village, order.status) == (market.shop, market.village, "placed")
    assert is_number(order.number)
    assert order.total_incl_tax == Decimal(15)
    assert [line.status for line in order.lines.all()] == ["placed"]
    assert StockRecord.objects.get().num_allocated == 3


def test_title_is_kept_in_chinese_whoever_acts(market, person):
    from django.utils import translation

    with translation.override("en"):
        order = place(person, (market.reward("香皂", "5", title_en="Soap"), 1))
    assert [line.title for line in order.lines.all()] == ["香皂"]


def test_state_moves_once_and_only_where_it_may(market, person):
    order = place(person, (market.reward("香皂", "5"), 1))
    rival = Order.objects.get(pk=order.pk)
    order.set_status("cancelled")
    with pytest.raises(InvalidOrderStatus):
        rival.set_status("handed_over")  # a stale object: the row has moved on
    with pytest.raises(InvalidOrderStatus):
        order.set_status("placed")
    assert Order.objects.get(pk=order.pk).status == "cancelled"
    assert [(c.old_status, c.new_status) for c in order.status_changes.all()] == [("placed", "cancelled")]


def test_looking_and_ordering_write_no_analytics(client, market, person):
    from oscar.apps.analytics.models import ProductRecord, UserProductView, UserRecord
    from oscar.apps.catalogue.signals import product_viewed
    from oscar.apps.order.signals import order_placed

    record = market.reward("香皂", "5")
    client.force_login(person.user)
    client.get(record.product.get_absolute_url())
    place(person, (record, 1))
    assert not any(model.objects.exists() for model in (ProductRecord, UserRecord, UserProductView))
    listening = [receiver() for signal in (order_placed, product_viewed) for __, receiver, *__ in signal.receivers]
    assert not [one for one in listening if one.__module__.startswith("oscar.apps.analytics")]
