"""The shelf: who sees what, found by which word, for how many points, in how many statements."""

from __future__ import annotations

import pytest
from django.urls import reverse

from marketplace.basket.services import add_to_basket

INDEX = "/shop/"


def titles(response) -> list[str]:
    return [card.product.title for card in response.context["cards"]]


def test_shelf_shows_what_suppliers_of_the_village_have(client, market):
    market.reward("香皂", "5")
    market.reward("洗浴一次", "10", partner=market.bath, stock=None)
    market.reward("远处的毛巾", "3", partner=market.far_shop)
    person = market.resident()
    client.force_login(person.user)
    response = client.get(INDEX)
    assert titles(response) == ["洗浴一次", "香皂"]  # services first
    assert "远处的毛巾" not in response.content.decode()
    assert "辛旺庄" in response.content.decode()


def test_visitor_sees_every_village_and_which_one_it_is(client, market):
    market.reward("香皂", "5")
    market.reward("远处的毛巾", "3", partner=market.far_shop)
    response = client.get(INDEX)
    assert sorted(titles(response)) == ["远处的毛巾", "香皂"]
    page = response.content.decode()
    assert "东岛刘家 · 信用超市" in page
    assert "辛旺庄 · 信用超市" in page


def test_supplier_of_the_town_serves_its_villages(client, market):
    from marketplace.partner.services import create_partner

    town_shop = create_partner(name="镇信用超市", village=market.town, kind="shop")
    market.reward("电饭煲", "200", partner=town_shop)
    for village in (market.village, market.other_village):
        client.force_login(market.resident(village=village).user)
        assert titles(client.get(INDEX)) == ["电饭煲"]


def test_nearest_supplier_wins_then_the_cheapest(client, market):
    from decimal import Decimal

    from marketplace.partner.models import StockRecord
    from marketplace.partner.services import create_partner

    record = market.reward("香皂", "5")
    town_shop = create_partner(name="镇信用超市", village=market.town, kind="shop")
    StockRecord.objects.create(
        product=record.product, partner=town_shop, partner_sku="x", price=Decimal(1), num_in_stock=3
    )
    client.force_login(market.resident().user)
    (card,) = client.get(INDEX).context["cards"]
    assert (card.partner, card.info.price.points) == (market.shop, 500)


def test_closed_supplier_and_hidden_reward_do_not_show(client, market):
    hidden = market.reward("香皂", "5")
    hidden.product.is_public = False
    hidden.product.save()
    market.reward("洗浴一次", "10", partner=market.bath, stock=None)
    market.bath.is_active = False
    market.bath.save()
    client.force_login(market.resident().user)
    response = client.get(INDEX)
    assert titles(response) == []
    assert "货架上还没有东西" in response.content.decode() or "Nothing on the shelf yet" in response.content.decode()


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("牙刷", ["软毛牙刷"]),
        ("软毛 牙", ["软毛牙刷"]),
        ("rmys", ["软毛牙刷"]),
        ("YS", ["软毛牙刷"]),
        ("yashua", ["软毛牙刷"]),
        ("brush", ["软毛牙刷"]),
        ("xy", ["洗浴一次"]),
        ("洗浴中心", ["洗浴一次"]),
        ("ＸＹ", ["洗浴一次"]),
        ("oft", []),
        ("没有的东西", []),
        ("%", []),
        ("|", ["洗浴一次", "软毛牙刷"]),
    ],
)
def test_search_finds_chinese_inside_and_pinyin_at_the_start(client, market, word, found):
    market.reward("软毛牙刷", "5", title_en="Soft toothbrush")
    market.reward("洗浴一次", "10", partner=market.bath, stock=None, title_en="Bath")
    client.force_login(market.resident().user)
    assert titles(client.get(INDEX, {"q": word})) == found


def test_affordable_asks_the_discounted_price(client, market, monkeypatch):
    from marketplace.partner.strategy import Points

    market.reward("九分半", "9.5")
    market.reward("十分", "10")
    market.reward("十分半", "10.5")
    person = market.resident(points=950)
    client.force_login(person.user)
    assert titles(client.get(INDEX, {"affordable": "on"})) == ["九分半"]
    monkeypatch.setattr(Points, "percent", property(lambda self: 10))  # 10.5 → 9.45 → 9.5 after the step
    assert titles(client.get(INDEX, {"affordable": "on"})) == ["九分半", "十分", "十分半"]


def test_category_shows_itself_and_what_is_below(client, market):
    from marketplace.catalogue.services import ensure_category

    soap, bath = market.reward("香皂", "5"), market.reward("洗浴一次", "10", partner=market.bath, stock=None)
    soap.product.categories.add(ensure_category(path="日用品/洗护"))
    bath.product.categories.add(ensure_category(path="服务/洗浴"))
    client.force_login(market.resident().user)
    top = ensure_category(path="日用品")
    response = client.get(top.get_absolute_url())
    assert titles(response) == ["香皂"]
    assert [(shelf.name, shelf.count) for shelf in response.context["shelves"]] == [("日用品", 1), ("服务", 1)]
    wrong = client.get(reverse("catalogue:category", kwargs={"category_slug": "other", "pk": top.pk}))
    assert wrong.status_code == 301
    assert client.get("/shop/category/nothing_999/").status_code == 404


@pytest.mark.parametrize("page", ["9", "x", "0", "-1"])
def test_page_that_is_not_there_leads_to_the_first(client, market, page):
    market.reward("香皂", "5")
    response = client.get(INDEX, {"page": page, "q": "香"})
    assert response.status_code == 302
    assert "page" not in response.url


def test_htmx_gets_the_shelf_alone(client, market):
    market.reward("香皂", "5")
    response = client.get(INDEX, {"q": "香皂"}, headers={"HX-Request": "true", "HX-Target": "shelf"})
    body = response.content.decode()
    assert body.lstrip().startswith('<div id="shelf"')
    assert "<html" not in body
    assert "香皂" in body


@pytest.mark.parametrize("rows", [1, 30])
def test_visitor_needs_six_statements(client, market, query_budget, rows):
    for number in range(rows):
        market.reward(f"香皂{number}", "5")
    with query_budget(6) as seen:
        client.get(INDEX)
    assert len(seen) == COUNTS.setdefault("visitor", len(seen))


@pytest.mark.parametrize("rows", [1, 30])
def test_resident_with_a_basket_needs_14_statements(client, market, query_budget, rows):
    from marketplace.basket.models import Basket
    from marketplace.partner.strategy import Selector

    person = market.resident(points=100000)
    basket = Basket.open.create(owner=person.user)
    basket.strategy = Selector().strategy(resident=person)
    for number in range(rows):
        record = market.reward(f"香皂{number}", "5")
        if number < 3:
            add_to_basket(basket=basket, product=record.product)
    client.force_login(person.user)
    client.get(INDEX)
    with query_budget(14) as seen:
        client.get(INDEX)
    assert len(seen) == COUNTS.setdefault("resident", len(seen))


COUNTS: dict[str, int] = {}
