"""The published list: what is loaded, what is left out, and a second run that changes nothing."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from marketplace.catalogue.models import Category, Product
from marketplace.catalogue.services import load_catalogue
from marketplace.partner.models import Partner, StockRecord
from tests.factories.market import region


@pytest.fixture
def village(db):
    return region("辛旺庄", code="371003104204")


def test_rewards_suppliers_and_categories_are_loaded(village):
    loaded = load_catalogue(villages=[village])
    assert (len(loaded.products), len(loaded.partners), loaded.created) == (41, 9, 41)
    assert loaded.left_out == ["S009", "S010", "S011", "B001", "B002", "B003", "B004"]
    bath = Product.objects.get(upc="S002")
    assert (bath.title, bath.title_en, bath.kind, bath.picture) == (
        "洗浴一次",
        "Bath",
        "service",
        "catalogue/pictures/S002.svg",
    )
    assert bath.price_is_illustrative
    rice = Product.objects.get(upc="G101")
    assert not rice.price_is_illustrative
    assert "安陆卓塆社区" in rice.price_note
    record = StockRecord.objects.get(partner__village=village, product=rice)
    assert (record.price, record.num_in_stock, record.partner.name) == (44, 0, "信用超市")
    assert StockRecord.objects.get(product=bath).num_in_stock is None
    assert Category.objects.get(name="洗护").path.startswith(Category.objects.get(name="日用品").path)
    assert (loaded.opening_stock[0][1], len(loaded.opening_stock)) == (50, 33)
    assert {partner.kind for partner in loaded.partners} >= {
        "shop",
        "bath",
        "barber",
        "canteen",
        "water",
        "machinery",
        "team",
    }


def test_second_run_changes_nothing_and_another_village_shares_the_rewards(village):
    load_catalogue(villages=[village])
    Product.objects.filter(upc="G001").update(title="我们的香皂")
    before = (Product.objects.count(), Partner.objects.count(), StockRecord.objects.count(), Category.objects.count())
    again = load_catalogue(villages=[village])
    assert again.created == 0
    assert before == (
        Product.objects.count(),
        Partner.objects.count(),
        StockRecord.objects.count(),
        Category.objects.count(),
    )
    assert Product.objects.get(upc="G001").title == "我们的香皂"
    load_catalogue(villages=[region("东岛刘家")])
    assert Product.objects.count() == before[0]
    assert Partner.objects.count() == 2 * before[1]


def test_command_says_what_it_did_and_names_an_unknown_code(village, capsys):
    call_command("load_catalogue", "371003104204")
    assert "41 rewards (41 new) at 9 suppliers" in capsys.readouterr().out
    with pytest.raises(CommandError, match="999999999999"):
        call_command("load_catalogue", "371003104204", "999999999999")
