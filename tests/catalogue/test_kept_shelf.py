"""The drawn shelf is kept for seconds, for everybody who sees the same and for nobody else."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from marketplace.catalogue import selectors
from marketplace.catalogue.services import ensure_category
from marketplace.partner.strategy import Points

INDEX = "/shop/"


@pytest.fixture(autouse=True)
def kept(settings):
    settings.SHELF_SECONDS = 60
    cache.clear()
    yield
    cache.clear()


def shelf_of(client, person=None, **query) -> str:
    client.logout()
    if person is not None:
        client.force_login(person.user)
    return client.get(INDEX, query).content.decode()


def test_the_second_visitor_asks_the_shelf_nothing(client, market, query_budget):
    market.reward("香皂", "5")
    first = shelf_part(client.get(INDEX).content.decode())
    with query_budget(0):
        assert shelf_part(client.get(INDEX).content.decode()) == first
    assert "香皂" in first


def test_what_was_listed_meanwhile_shows_when_the_seconds_are_over(client, market):
    market.reward("香皂", "5")
    shelf_of(client)
    market.reward("毛巾", "3")
    assert "毛巾" not in shelf_of(client)
    assert "毛巾" in shelf_of(client, q="毛巾")  # what is searched is never kept
    cache.clear()
    assert "毛巾" in shelf_of(client)


def test_nothing_is_kept_without_seconds(client, market, settings):
    settings.SHELF_SECONDS = 0
    shelf_of(client)
    market.reward("毛巾", "3")
    assert "毛巾" in shelf_of(client)


@pytest.fixture
def readers(market, monkeypatch):
    """Readers of whom each sees another shelf: a visitor, two villages, a star level."""
    stars = property(lambda self: 5 if self.resident is not None and self.resident.name == "甲" else 0)
    monkeypatch.setattr(Points, "star", stars)
    there = market.resident(village=market.other_village)
    return {"visitor": None, "here": market.resident(), "there": there, "star": market.resident(name="甲")}


def seen_by_all(client, market, readers) -> dict[str, str]:
    record = market.reward("香皂", "5")
    market.reward("远处的毛巾", "3", partner=market.far_shop)
    record.product.min_star = 5
    record.product.save()
    return {name: shelf_part(shelf_of(client, person)) for name, person in readers.items()}


def shelf_part(page: str) -> str:
    return page[page.index('id="shelf"') : page.index("</main>")]


def test_each_reader_sees_their_own_shelf(client, market, readers):
    kept_pages = seen_by_all(client, market, readers)
    assert "远处的毛巾" not in kept_pages["here"]
    assert "香皂" not in kept_pages["there"]
    assert "香皂" in kept_pages["visitor"]
    assert kept_pages["here"] != kept_pages["star"]  # one is below the level


def test_a_key_that_forgets_the_reader_would_mix_them(client, market, readers, monkeypatch):
    """Negative control of the test above."""
    monkeypatch.setattr(selectors, "shelf_key", lambda *_: "shelf:all")
    mixed = seen_by_all(client, market, readers)
    assert len(set(mixed.values())) == 1


def test_categories_pages_and_languages_are_kept_apart(client, market):
    soap, towel = market.reward("香皂", "5", title_en="Soap"), market.reward("毛巾", "3", title_en="Towel")
    soap.product.categories.add(ensure_category(path="日用品"))
    towel.product.categories.add(ensure_category(path="家居"))
    both = shelf_of(client)
    assert "香皂" in both
    assert "毛巾" in both
    page = client.get(ensure_category(path="日用品").get_absolute_url()).content.decode()
    assert "毛巾" not in page
    assert 'aria-current="page"' in page[page.index('class="signs"') :]
    english = client.get(INDEX, headers={"accept-language": "en"}).content.decode()
    assert "Soap" in english
    assert client.get(INDEX, {"page": "2"}).status_code == 302


def test_a_strangers_parameters_are_not_kept_for_others(client, market):
    for number in range(25):
        market.reward(f"香皂{number}", "5")
    assert "from=poster" in client.get(INDEX, {"from": "poster"}).content.decode()
    assert "from=poster" not in client.get(INDEX).content.decode()
    assert "page=2" in client.get(INDEX).content.decode()
