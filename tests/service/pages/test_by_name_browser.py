"""The list of attendance on a telephone: no barrier, no overflow in both languages, and it works without scripts."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from tests.desk.test_browser import overflow, sign_in
from timebank.service import services

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_leader_ticks_six_on_a_telephone(new_person, live_server, assert_axe_clean):
    from tests.factories.service import make_world

    world, now = make_world(), timezone.now().replace(second=0, microsecond=0)
    activity = world.activity(starts_at=now, ends_at=now + dt.timedelta(hours=2), now=now)
    people = [world.resident("欧阳娜娜·阿依古丽" if number == 0 else "") for number in range(6)]
    for person in people:
        services.sign_up(activity=activity, resident=person, actor=person.user)
    services.check_in(activity=activity, resident=world.wang, actor=world.leader)
    address = live_server.url + reverse("service:lead_walk_in", args=[activity.pk])

    def visit(language: str, **more: Any) -> Any:
        page = new_person(**more)
        sign_in(page, live_server.url, world.leader)
        page.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}])
        return page

    for language in ("zh-hans", "en"):
        page = visit(language)
        page.goto(f"{address}?all=in")
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            assert overflow(page) == ""
            assert_axe_clean(page)
            # Sixty are ticked without scrolling to the end and back: low rows, and the button stays in sight.
            heights = page.eval_on_selector_all("#id_in_people .row", "rows => rows.map(row => row.offsetHeight)")
            assert len(heights) == 6
            assert sorted(heights)[4] <= 56  # the sixth has the longest name
            end = page.locator("form:has(.ticks) button").first.bounding_box()
            assert end["y"] + end["height"] <= 740
            if kept := os.environ.get("PICTURES"):
                page.screenshot(path=f"{kept}/by_name-{language}-{width}.png", full_page=True)
    page = visit("zh-hans", java_script_enabled=False)
    page.goto(f"{live_server.url}/lead/{activity.pk}/")
    page.click("text=一次记多人")
    for person in people[:5]:
        page.check(f"#in-{person.pk}")
    page.click("text=为勾选的人签到")
    page.wait_for_selector("text=已为 5 人签到")
    assert activity.attendances.count() == 6
