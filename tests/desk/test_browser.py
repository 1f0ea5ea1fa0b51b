"""The desk in a real browser: the queue by keyboard alone, and no barrier that axe can find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.desk.test_desk import url
from tests.factories.desk import objection
from tests.support.visitors import overflow
from timebank.service.models import Record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(live_server: Any) -> Any:
    """Return the village, made for the eyes of another process."""
    from tests.factories.desk import make_village

    return make_village()


def sign_in(page: Any, base: str, user: Any) -> None:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "timebank.registry.backends.PhoneCardOrEmailBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    page.context.add_cookies(
        [
            {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": base},
            {"name": settings.LANGUAGE_COOKIE_NAME, "value": "en", "url": base},
        ]
    )


def test_the_queue_is_verified_by_keyboard_alone(page, live_server, desk):
    records = desk.submitted(4)
    sign_in(page, live_server.url, desk.admin)
    page.goto(live_server.url + url("verify"))
    for key in ("j", "Space", "j", "j", "Space", "k", "v"):
        page.keyboard.press(key)
    yes = page.locator("main form:has([name=seen]) button")
    yes.wait_for()
    yes.press("Enter")
    page.wait_for_selector("text=2 records verified.")
    order = list(Record.objects.order_by("evidence", "served_on", "pk").values_list("state", flat=True))
    assert order == ["verified", "submitted", "verified", "submitted"]
    assert len(records) == 4


def test_the_count_and_the_box_for_all_follow_the_choice(page, live_server, desk):
    desk.submitted(3)
    sign_in(page, live_server.url, desk.admin)
    page.goto(live_server.url + url("verify"))
    page.check("[data-verify-all]")
    assert page.inner_text("[data-verify-count]") == "3"
    page.uncheck("[data-verify-row] input >> nth=0")
    assert page.inner_text("[data-verify-count]") == "2"
    assert page.eval_on_selector("[data-verify-all]", "box => box.indeterminate")


def test_the_desk_has_no_barrier_that_axe_finds(page, live_server, desk, assert_axe_clean):
    record = desk.submitted(1)[0]
    published = desk.world.published(desk.world.resident())[0]
    doubt = objection(desk, published)
    item = desk.good()
    desk.newcomer()
    sign_in(page, live_server.url, desk.admin)
    pages = [
        *(url(name) for name in ("home", "verify", "notice", "activities", "residents", "stock", "tickets")),
        *(url(name) for name in ("statement", "staff", "register")),
        url("record", record.pk),
        url("notice_print", published.notice_list_id),
        url("objection", doubt.pk),
        url("resident", desk.world.wang.pk),
        url("issue_card", desk.world.wang.pk),
        url("stock_item", item.pk),
        url("month", 2026, 9),
    ]
    for address in pages:
        page.goto(live_server.url + address)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert_axe_clean(page)
            assert overflow(page) == "", f"{address} at {width} px"
    # K10, on paper: the sum stands once, a day on one line, and 25 rows fit a page.
    page.goto(live_server.url + url("notice_print", published.notice_list_id))
    page.emulate_media(media="print")
    style = "(one, name) => getComputedStyle(one)[name]"
    assert page.eval_on_selector("tfoot", style, "display") == "table-row-group"
    assert page.eval_on_selector("td.day", style, "whiteSpace") == "nowrap"
    assert page.eval_on_selector("tbody tr", "row => row.offsetHeight") < 1030 / 25
