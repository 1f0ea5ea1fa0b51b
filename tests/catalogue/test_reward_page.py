"""The page of one reward: what it costs, what one has, who hands it over."""

from __future__ import annotations

import pytest

from marketplace.partner.strategy import Points


def body(client, record) -> str:
    response = client.get(record.product.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def test_resident_reads_price_points_before_and_after_supplier_and_limit(client, market):
    record = market.reward(
        "洗浴一次", "10", partner=market.bath, stock=None, per_resident_limit=2, limit_period="month", validity_days=60
    )
    client.force_login(market.resident(points=2550).user)
    client.cookies["django_language"] = "en"
    page = body(client, record)
    for text in (
        "洗浴一次",
        "25.5 points",
        "15.5 points",
        "Bath house",
        "0631-5550102",
        "60 days",
        "2 a month",
        "Available",
    ):
        assert text in page


def test_too_few_points_are_said_in_figures(client, market):
    record = market.reward("电饭煲", "200")
    client.force_login(market.resident(points=15050).user)
    client.cookies["django_language"] = "en"
    page = body(client, record)
    assert "49.5 points" in page
    assert "Still missing" in page


def test_star_discount_shows_list_price_and_what_is_saved(client, market, monkeypatch):
    monkeypatch.setattr(Points, "percent", property(lambda self: 10))
    monkeypatch.setattr(Points, "star", property(lambda self: 4))
    record = market.reward("大米", "44")
    client.force_login(market.resident(points=10000).user)
    client.cookies["django_language"] = "en"
    page = body(client, record)
    assert "<s>44</s>" in page
    assert "40" in page  # 39.6 rounds up to the step
    assert "you keep 4 points" in page


def test_reward_of_another_village_is_shown_without_a_way_to_redeem(client, market):
    record = market.reward("远处的毛巾", "3", partner=market.far_shop)
    client.force_login(market.resident(points=10000).user)
    client.cookies["django_language"] = "en"
    page = body(client, record)
    assert "This reward is for another village." in page
    assert "Put in the basket" not in page


def test_redeem_now_leads_from_the_reward_to_the_check(client, market):
    record = market.reward("香皂", "5")
    add = f"/basket/add/{record.product.pk}/"
    client.cookies["django_language"] = "en"
    client.force_login(market.resident(points=1000).user)
    assert "Redeem now" in body(client, record)
    check = client.post(add, {"quantity": 2, "now": "1"}, follow=True)
    assert check.redirect_chain[-1][0] == "/redeem/"
    assert [(row.product.title, row.line.quantity) for row in check.context["summary"].rows] == [("香皂", 2)]
    refused = client.post(add, {"quantity": 1000, "now": "1"}, follow=True)
    assert refused.redirect_chain[-1][0] == record.product.get_absolute_url()
    client.force_login(market.resident(points=100).user)  # not enough points: only the basket is offered
    assert "Redeem now" not in body(client, record)


def test_higher_star_level_is_asked_for(client, market):
    record = market.reward("表彰礼包", "3", min_star=4)
    client.force_login(market.resident(points=10000).user)
    client.cookies["django_language"] = "en"
    page = body(client, record)
    assert "This reward needs a higher star level." in page
    assert "Put in the basket" not in page


def test_visitor_is_led_to_sign_in_and_back(client, market):
    record = market.reward("香皂", "5")
    client.cookies["django_language"] = "en"
    page = body(client, record)
    assert "Sign in to redeem" in page
    assert "next=/shop/" in page


def test_illustrative_price_says_so_and_published_names_its_source(client, market):
    client.cookies["django_language"] = "en"
    assert "Example price" in body(client, market.reward("香皂", "5", price_note="illustrative (named in lists)"))
    published = market.reward("大米", "44", price_note="published: 44 points (安陆卓塆社区)")
    assert "Published price" in body(client, published)
    assert "安陆卓塆社区" in body(client, published)


@pytest.mark.parametrize(
    "html", ["<script>alert(1)</script>", '<img src=x onerror="alert(1)">', '<p onclick="x()">a</p>']
)
def test_description_reaches_the_page_clean_whatever_was_stored(client, market, html):
    record = market.reward("香皂", "5", description=f"<p>好香皂</p>{html}")
    page = body(client, record)
    assert "<p>好香皂</p>" in page
    for evil in ("alert(1)", "onerror", "onclick"):
        assert evil not in page


def test_hidden_and_unlisted_rewards_are_not_there(client, market):
    hidden = market.reward("香皂", "5", is_public=False)
    assert client.get(hidden.product.get_absolute_url()).status_code == 404
    unlisted = market.reward("毛巾", "5")
    unlisted.delete()
    assert client.get(unlisted.product.get_absolute_url()).status_code == 404
    assert client.get("/shop/x_99999/").status_code == 404


def test_old_slug_leads_to_the_present_one(client, market):
    record = market.reward("香皂", "5")
    response = client.get(f"/shop/alt_{record.product.pk}/")
    assert response.status_code == 301
    assert response.url == record.product.get_absolute_url()


@pytest.mark.parametrize("others", [0, 30])
def test_reward_page_needs_12_statements_with_a_basket(client, market, query_budget, others):
    person = market.resident(points=100000)
    client.force_login(person.user)
    record = market.reward("香皂", "5")
    client.post(f"/basket/add/{record.product.pk}/", {"quantity": 1})
    for number in range(others):
        market.reward(f"毛巾{number}", "5")
    client.get(record.product.get_absolute_url())
    with query_budget(12) as seen:
        client.get(record.product.get_absolute_url())
    assert len(seen) == COUNTS.setdefault("reward", len(seen))


COUNTS: dict[str, int] = {}
