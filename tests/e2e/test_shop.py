"""The market in a real browser: both languages, three sizes of text, a narrow phone, with and without scripts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import market as stalls
from tests.support.visitors import overflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stall() -> stalls.Market:
    made = stalls.make()
    type(made.shop).objects.filter(pk=made.shop.pk).update(name_en="Credit supermarket")  # a long word, as in the demo
    soap = made.reward("香皂", "5", title_en="Laundry detergent", unit="块", price_note="illustrative (named in lists)")
    made.reward("毛巾", "10", title_en="Towel", stock=3)
    made.reward("洗浴一次", "10", title_en="Bath", partner=made.bath, stock=None, per_resident_limit=8)
    made.reward("电饭煲", "200", title_en="Rice cooker", stock=0)
    made.people.append(made.resident("王芳", points=5000))
    made.soap = soap
    return made


def sign_in(context: Any, base: str, person: Any, **cookies: str) -> None:
    """Give the browser a session without the sign-in page, which has its own tests."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(person.user)
    wanted = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value, **cookies}
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in wanted.items()])


@pytest.mark.parametrize(("language", "width"), [("zh-hans", 360), ("en", 1280)])
def test_shop_pages_are_accessible_and_fit(live_server, new_person, stall, assert_axe_clean, language, width):
    page = new_person()
    person = stall.people[0]
    type(person.user).objects.filter(pk=person.user.pk).update(language=language)
    sign_in(page.context, live_server.url, person, django_language=language)

    def look() -> None:
        for size, screen in (("xlarge", 320), ("large", 360), ("normal", 1280), ("normal", width)):
            page.set_viewport_size({"width": screen, "height": 740})
            assert overflow(page, size) == "", f"{page.url} in {size} at {screen} px"
            for word in page.query_selector_all(".finder__word input"):
                assert word.bounding_box()["width"] > 120, f"no word to look for can be read in {size} at {screen} px"
        assert_axe_clean(page)

    for path in ("/shop/", "/shop/?q=zzz", stall.soap.product.get_absolute_url(), "/basket/"):
        page.goto(live_server.url + path)
        look()
    page.goto(live_server.url + stall.soap.product.get_absolute_url())
    page.locator(".good__do button:not([name=now])").click()
    page.wait_for_url("**/basket/")
    assert page.locator(".line").count() == 1
    look()


@pytest.mark.parametrize("scripts", [True, False])
def test_basket_works_with_and_without_scripts(live_server, new_person, stall, scripts):
    page = new_person(java_script_enabled=scripts)
    sign_in(page.context, live_server.url, stall.people[0], django_language="zh-hans")
    page.goto(live_server.url + "/shop/")
    page.fill("#id_q", "xy")
    page.locator(".finder__go").click()
    page.wait_for_url("**q=xy*")  # a script exchanges the list: a link may vanish under the press
    page.get_by_role("link", name="洗浴一次").click()
    page.fill("#id_quantity", "2")
    page.get_by_role("button", name="放进兑换篮").click()
    page.get_by_text("30 积分").first.wait_for()
    page.get_by_role("button", name="加一份：洗浴一次").click()
    page.locator(".steps__count", has_text="3").wait_for()
    assert "20 积分" in page.locator(".sum--after").inner_text()
    assert "3" in page.locator(".topnav .count").inner_text()
    page.get_by_role("button", name="拿出来").click()
    page.get_by_text("兑换篮是空的").wait_for()


def test_search_answers_while_the_page_stays(live_server, new_person, stall):
    page = new_person()
    sign_in(page.context, live_server.url, stall.people[0], django_language="zh-hans")
    page.goto(live_server.url + "/shop/")
    page.evaluate("window.stayed = true")
    page.fill("#id_q", "毛巾")
    page.keyboard.press("Enter")
    page.get_by_text("找到 1 种").wait_for()
    assert page.evaluate("window.stayed") is True
    assert page.locator(".reward").count() == 1
    assert "q=" in page.url
