"""Stock is promised once; what the database must never hold, it refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from marketplace.catalogue.models import Product, ProductClass
from marketplace.partner.errors import OutOfStock, StockConflict
from marketplace.partner.models import Partner, StockRecord
from timebank.registry.models import Region

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock() -> StockRecord:
    village = Region.objects.add_root(
        {"code": "371003104204", "name": "辛旺庄村委会", "short_name": "辛旺庄", "level": "village"}
    )
    goods = ProductClass.objects.create(name="实物", track_stock=True)
    soap = Product.objects.create(title="香皂", slug="soap", upc="G001", product_class=goods)
    shop = Partner.objects.create(name="信用超市", village=village)
    return StockRecord.objects.create(product=soap, partner=shop, partner_sku="G001", price=Decimal(5), num_in_stock=5)


def counters(stock: StockRecord) -> tuple[int | None, int | None]:
    return StockRecord.objects.values_list("num_in_stock", "num_allocated").get(pk=stock.pk)


def test_allocate_promises_what_is_free_and_no_more(stock):
    stock.allocate(3)
    assert counters(stock) == (5, 3)
    with pytest.raises(OutOfStock) as refusal:
        stock.allocate(3)
    assert refusal.value.code == "out_of_stock"
    assert counters(stock) == (5, 3)
    stock.refresh_from_db()
    assert stock.net_stock_level == 2


@pytest.mark.parametrize("quantity", [0, -1])
def test_allocate_refuses_nothing_and_less(stock, quantity):
    with pytest.raises(OutOfStock):
        stock.allocate(quantity)
    assert counters(stock) == (5, None)


def test_consume_takes_promised_goods_once(stock):
    stock.allocate(2)
    stock.consume_allocation(2)
    assert counters(stock) == (3, 0)
    with pytest.raises(StockConflict):
        stock.consume_allocation(1)
    assert counters(stock) == (3, 0)


def test_cancel_gives_back_only_what_was_promised(stock):
    stock.allocate(2)
    stock.cancel_allocation(1)
    assert counters(stock) == (5, 1)
    with pytest.raises(StockConflict):
        stock.cancel_allocation(2)
    assert counters(stock) == (5, 1)


def test_saving_a_stale_form_leaves_the_counters_alone(stock):
    stale = StockRecord.objects.get(pk=stock.pk)
    stock.allocate(4)
    stale.price = Decimal("7.5")
    stale.num_in_stock = 99
    stale.save()
    assert counters(stock) == (5, 4)
    assert StockRecord.objects.get(pk=stock.pk).price == Decimal("7.5")


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("sold twice", {"num_allocated": 6}),
        ("negative promise", {"num_allocated": -1}),
        ("other currency", {"price_currency": "USD"}),
        ("odd fraction", {"price": Decimal("1.75")}),
        ("tenth of a point", {"price": Decimal("0.1")}),
        ("negative price", {"price": Decimal(-1)}),
    ],
)
def test_database_refuses_what_must_never_be(stock, _case, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        StockRecord.objects.filter(pk=stock.pk).update(**change)


@pytest.mark.parametrize("price", ["0", "0.5", "7.5", "10", "260"])
def test_database_takes_half_points(stock, price):
    StockRecord.objects.filter(pk=stock.pk).update(price=Decimal(price))
    assert StockRecord.objects.get(pk=stock.pk).price == Decimal(price)
