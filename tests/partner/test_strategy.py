"""Prices: list price, star discount, rounding up to the step; the same for page, counter and batch."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import translation

from marketplace.catalogue.selectors import highest_price_for
from marketplace.partner.errors import BadPrice
from marketplace.partner.prices import PointsPrice, discounted, points_of
from marketplace.partner.strategy import Points, Selector


@pytest.mark.parametrize(
    ("points", "percent", "paid"),
    [(27700, 10, 24950), (27700, 20, 22200), (1000, 0, 1000), (50, 10, 50), (500, 10, 450), (450, 10, 450), (0, 10, 0)],
)
def test_discount_rounds_up_to_the_step(points, percent, paid):
    assert discounted(points, percent) == paid


@pytest.mark.parametrize("percent", [0, 5, 10, 15, 20, 33])
def test_highest_affordable_list_price_is_exact(percent):
    for points in range(0, 3000, 25):
        most = points_of(highest_price_for(points, percent).quantize(Decimal("0.01")))
        step = most // 50 * 50
        assert discounted(step, percent) <= points
        assert discounted(step + 50, percent) > points


@pytest.mark.parametrize(("value", "points"), [("10", 1000), ("7.50", 750), (Decimal("0.01"), 1), (3, 300)])
def test_points_of_takes_what_is_whole(value, points):
    assert points_of(value) == points


def test_points_of_refuses_thousandths():
    with pytest.raises(BadPrice):
        points_of("0.005")


def test_price_shows_what_is_saved():
    price = PointsPrice(list_points=27700, percent=10)
    assert (price.points, price.saved, price.old_points, price.incl_tax) == (24950, 2750, 27700, Decimal("249.5"))
    assert PointsPrice(list_points=50, percent=10).old_points is None
    assert price.currency == "PTS"


def test_page_counter_and_batch_price_alike(market, rf, monkeypatch):
    monkeypatch.setattr(Points, "percent", property(lambda self: 10 if self.resident else 0))
    person = market.resident()
    record = market.reward("大米", "44")
    request = rf.get("/")
    request.user, request.session = person.user, {}
    strategies = [
        Selector().strategy(request=request, user=person.user),
        Selector().strategy(user=person.user),
        Selector().strategy(resident=person),
    ]
    assert {strategy.fetch_for_product(record.product).price.points for strategy in strategies} == {4000}
    assert Selector().strategy(village=market.village).fetch_for_product(record.product).price.points == 4400


def test_line_is_priced_by_its_own_stock_record(market):
    from marketplace.basket.models import Basket
    from marketplace.basket.services import add_to_basket
    from marketplace.partner.models import StockRecord
    from marketplace.partner.services import create_partner

    person = market.resident()
    town_shop = create_partner(name="镇信用超市", village=market.town)
    record = market.reward("香皂", "5", partner=town_shop)
    basket = Basket.open.create(owner=person.user)
    basket.strategy = Selector().strategy(resident=person)
    line = add_to_basket(basket=basket, product=record.product)
    nearer = StockRecord.objects.create(
        product=record.product, partner=market.shop, partner_sku="n", price=Decimal(9), num_in_stock=5
    )
    assert basket.strategy.fetch_for_product(record.product).stockrecord == nearer
    assert basket.strategy.fetch_for_line(line).stockrecord == record
    assert basket.strategy.fetch_for_line(line).price.points == 500


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (Decimal("1.00"), "1 point", "1 积分"),
        (Decimal(120), "120 points", "120 积分"),
        (Decimal("1234.50"), "1,234.5 points", "1,234.5 积分"),
        (Decimal("33.333333"), "33.33 points", "33.33 积分"),
        (0, "0 points", "0 积分"),
        (None, "", ""),
        ("x", "", ""),
    ],
)
def test_oscars_currency_filter_writes_points(value, english, chinese):
    template = Template("{% load currency_filters %}{{ value|currency }}{{ value|currency:'PTS' }}")
    with translation.override("en"):
        assert template.render(Context({"value": value})) == english * 2
    with translation.override("zh-hans"):
        assert template.render(Context({"value": value})) == chinese * 2
