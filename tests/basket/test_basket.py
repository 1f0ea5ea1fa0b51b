"""The basket: what goes in, what is refused, what it adds up to."""

from __future__ import annotations

import pytest

from marketplace.basket.errors import BasketClosed, LimitReached, NotAvailable
from marketplace.basket.models import Basket, Line
from marketplace.basket.services import add_to_basket, set_quantity
from marketplace.partner.errors import OutOfStock
from marketplace.partner.strategy import Selector


@pytest.fixture
def person(market):
    return market.resident(points=10000)


@pytest.fixture
def basket(person) -> Basket:
    made = Basket.open.create(owner=person.user)
    made.strategy = Selector().strategy(resident=person)
    return made


def lines(basket: Basket) -> list[tuple[str, int]]:
    return list(Line.objects.filter(basket=basket).order_by("pk").values_list("product__title", "quantity"))


def test_add_puts_in_and_adds_up(market, basket):
    soap = market.reward("香皂", "5")
    add_to_basket(basket=basket, product=soap.product, quantity=2)
    add_to_basket(basket=basket, product=soap.product)
    assert lines(basket) == [("香皂", 3)]


def test_add_refuses_more_than_there_is(market, basket):
    soap = market.reward("香皂", "5", stock=3)
    add_to_basket(basket=basket, product=soap.product, quantity=2)
    with pytest.raises(OutOfStock):
        add_to_basket(basket=basket, product=soap.product, quantity=2)
    assert lines(basket) == [("香皂", 2)]


def test_add_refuses_more_than_the_limit(market, basket):
    cooker = market.reward("电饭煲", "200", per_resident_limit=1, limit_period="year")
    add_to_basket(basket=basket, product=cooker.product)
    with pytest.raises(LimitReached):
        add_to_basket(basket=basket, product=cooker.product)
    assert lines(basket) == [("电饭煲", 1)]


@pytest.mark.parametrize(
    ("_case", "fields", "code"),
    [
        ("far", {"partner": "far_shop"}, "not_your_village"),
        ("star", {"min_star": 5}, "below_level"),
        ("hidden", {"is_public": False}, "unavailable"),
    ],
)
def test_add_refuses_what_is_not_for_this_resident(market, basket, _case, fields, code):
    if "partner" in fields:
        fields = {"partner": getattr(market, fields["partner"])}
    record = market.reward("香皂", "5", **fields)
    with pytest.raises(NotAvailable) as refusal:
        add_to_basket(basket=basket, product=record.product)
    assert refusal.value.code == code
    assert lines(basket) == []


def test_fewer_is_always_allowed_even_when_stock_is_gone(market, basket):
    soap = market.reward("香皂", "5", stock=3)
    line = add_to_basket(basket=basket, product=soap.product, quantity=3)
    soap.allocate(3)
    assert set_quantity(basket=basket, line=line, quantity=1).quantity == 1
    with pytest.raises(OutOfStock):
        set_quantity(basket=basket, line=Line.objects.get(pk=line.pk), quantity=2)
    assert set_quantity(basket=basket, line=line, quantity=0) is None
    assert lines(basket) == []


@pytest.mark.parametrize("status", [Basket.SUBMITTED, Basket.FROZEN, Basket.MERGED])
def test_basket_that_is_not_open_never_changes(market, basket, status):
    soap, towel = market.reward("香皂", "5"), market.reward("毛巾", "10")
    line = add_to_basket(basket=basket, product=soap.product)
    Basket.objects.filter(pk=basket.pk).update(status=status)  # another tab; this object still thinks it is open
    attempts = [
        lambda: add_to_basket(basket=basket, product=towel.product),
        lambda: set_quantity(basket=basket, line=line, quantity=5),
        lambda: set_quantity(basket=basket, line=line, quantity=0),
        lambda: basket.flush(),
        lambda: Line.objects.get(pk=line.pk).delete(),
        lambda: Line.objects.get(pk=line.pk).save(),
    ]
    for attempt in attempts:
        with pytest.raises(BasketClosed):
            attempt()
    assert lines(basket) == [("香皂", 1)]


def test_thaw_does_not_reopen_a_submitted_basket(basket):
    Basket.objects.filter(pk=basket.pk).update(status=Basket.SUBMITTED)
    basket.thaw()
    assert Basket.objects.get(pk=basket.pk).status == Basket.SUBMITTED


def test_offers_that_make_fractions_are_never_applied(client, market, person):
    from oscar.apps.offer.models import Benefit, Condition, ConditionalOffer, Range

    everything = Range.objects.create(name="all", includes_all_products=True)
    ConditionalOffer.objects.create(
        name="10 %",
        offer_type=ConditionalOffer.SITE,
        condition=Condition.objects.create(type=Condition.COUNT, value=1, range=everything),
        benefit=Benefit.objects.create(type=Benefit.PERCENTAGE, value=10, range=everything),
    )
    client.force_login(person.user)
    client.post(f"/basket/add/{market.reward('香皂', '45').product.pk}/", {"quantity": 1})
    response = client.get("/basket/")
    assert response.context["summary"].total == 4500
    assert response.wsgi_request.basket.total_incl_tax == 45


# -- The page ----------------------------------------------------------------------------------------------------------
def test_page_groups_by_supplier_and_shows_points_before_and_after(client, market, person):
    client.force_login(person.user)
    client.cookies["django_language"] = "en"
    soap, bath = market.reward("香皂", "5"), market.reward("洗浴一次", "10", partner=market.bath, stock=None)
    client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 3})
    response = client.post(f"/basket/add/{bath.product.pk}/", {"quantity": 1}, follow=True)
    summary = response.context["summary"]
    assert [(group.partner.name, group.total) for group in summary.groups] == [("信用超市", 1500), ("洗浴中心", 1000)]
    assert (summary.has, summary.total, summary.after, summary.count) == (10000, 2500, 7500, 4)
    page = response.content.decode()
    for text in ("100 points", "25 points", "75 points", "4 things together", "is in your basket"):
        assert text in page


def test_page_says_what_is_missing_and_hides_the_way_on(client, market):
    poor = market.resident(points=400)
    client.force_login(poor.user)
    client.cookies["django_language"] = "en"
    soap = market.reward("香皂", "5")
    response = client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1}, follow=True)
    assert response.context["summary"].can_redeem is False
    assert "Still missing" in response.content.decode()
    assert "1 point" in response.content.decode()


def test_line_is_changed_and_taken_out_by_post_only(client, market, person):
    client.force_login(person.user)
    soap = market.reward("香皂", "5")
    client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1})
    line = Line.objects.get(basket__owner=person.user)
    url = f"/basket/line/{line.pk}/"
    assert client.get(url).status_code == 405
    assert client.get(f"/basket/add/{soap.product.pk}/").status_code == 405
    client.post(url, {"quantity": 4})
    assert Line.objects.get(pk=line.pk).quantity == 4
    for wrong in ("-1", "99", "x", ""):
        client.post(url, {"quantity": wrong})
        assert Line.objects.get(pk=line.pk).quantity == 4
    part = client.post(url, {"quantity": 5}, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert part.context["summary"].count == 5
    refused = client.post(url, {"quantity": 15}, headers={"HX-Request": "true"})
    assert refused.context["error"].code == "out_of_stock"
    assert Line.objects.get(pk=line.pk).quantity == 5
    client.post(url, {"quantity": 0})
    assert not Line.objects.filter(pk=line.pk).exists()


def test_line_of_someone_else_is_not_there(client, market, person):
    soap = market.reward("香皂", "5")
    client.force_login(person.user)
    client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1})
    line = Line.objects.get(basket__owner=person.user)
    client.force_login(market.resident("李雷", points=100).user)
    client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1})
    assert client.post(f"/basket/line/{line.pk}/", {"quantity": 0}).status_code == 404
    assert Line.objects.get(pk=line.pk).quantity == 1


def test_visitor_is_sent_to_sign_in_and_leaves_no_basket(client, market, settings):
    settings.LOGIN_URL = "/sign-in/"
    soap = market.reward("香皂", "5")
    response = client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1})
    assert response.status_code == 302
    assert "sign-in" in response.url
    assert client.get("/basket/").status_code == 200
    assert not Basket.objects.exists()


def test_someone_without_points_account_is_refused(client, market, django_user_model):
    soap = market.reward("香皂", "5")
    client.force_login(django_user_model.objects.create_user(name="访客"))
    response = client.post(f"/basket/add/{soap.product.pk}/", {"quantity": 1}, follow=True)
    assert not Line.objects.exists()
    assert response.redirect_chain[-1][0] == soap.product.get_absolute_url()


@pytest.mark.parametrize("rows", [1, 30])
def test_basket_page_needs_ten_statements(client, market, query_budget, rows, basket, person):
    for number in range(rows):
        add_to_basket(basket=basket, product=market.reward(f"香皂{number}", "1").product)
    client.force_login(person.user)
    client.get("/basket/")
    with query_budget(10) as seen:
        response = client.get("/basket/")
    assert len(response.context["summary"].rows) == rows
    assert len(seen) == COUNTS.setdefault("basket", len(seen))


COUNTS: dict[str, int] = {}
