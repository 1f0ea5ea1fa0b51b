"""A town's table in a real browser: drafted, compared, approved with its choices, adopted; no barrier, no overflow."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.desk.test_browser import sign_in
from tests.service.pages.test_schemes import TABLE, staff
from timebank.policy.models import SchemeVersion
from timebank.service.models import SchemeAdoption

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(live_server: Any) -> Any:
    """Return the town, made for the eyes of another process."""
    from tests.factories.service import make_world

    return make_world()


def look(page: Any, assert_axe_clean: Any, name: str) -> None:
    """Check a page at both widths: nothing wider than the screen, no violation."""
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
        assert_axe_clean(page)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_from_a_table_to_its_use(page, live_server, world, assert_axe_clean, tmp_path):
    town = staff("镇长", "town_admin", world.town)
    second = staff("副镇长", "town_admin", world.town)
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    sign_in(page, live_server.url, town)
    page.goto(live_server.url + "/schemes/")
    look(page, assert_axe_clean, "list")
    page.click("text=Read a table")
    page.fill("[name=name]", "泽库镇积分办法")
    page.set_input_files("[name=file]", str(table))
    look(page, assert_axe_clean, "import")
    page.click("text=Look at it first")
    page.wait_for_selector("text=19 rows can be taken")
    look(page, assert_axe_clean, "preview")
    page.click("text=Store the draft")
    page.wait_for_selector("text=The draft is stored")
    look(page, assert_axe_clean, "draft")
    address = page.url
    draft = SchemeVersion.objects.get(scheme__region=world.town)
    page.click("text=Change >> nth=0")
    look(page, assert_axe_clean, "rule")
    page.goto(f"{live_server.url}/schemes/compare/?a=wendeng-rural@1&b={draft.code}")
    page.wait_for_selector("text=left out >> nth=0")
    look(page, assert_axe_clean, "compare")
    page.context.clear_cookies()
    sign_in(page, live_server.url, second)
    page.goto(address)
    page.click("a:has-text('Approve')")
    look(page, assert_axe_clean, "approve")
    page.fill("[name=approved_as]", "副镇长 李四")
    page.click("button:has-text('Approve')")
    page.wait_for_selector("text=It never changes now")
    page.goto(live_server.url + "/schemes/adopt/")
    look(page, assert_axe_clean, "adopt")
    page.select_option("[name=region]", str(world.village.pk))
    page.select_option("[name=scheme]", draft.scheme.slug)
    page.fill("[name=since]", "2027-02-01")
    page.fill("[name=reason]", "村民会议")
    page.click("button:has-text('Adopt')")
    page.wait_for_selector("text=In use in")
    adoption = SchemeAdoption.objects.get(slug=draft.scheme.slug)
    assert (adoption.region, adoption.since, adoption.adopted_by) == (world.village, dt.date(2027, 2, 1), second)
    page.goto(f"{address}simulate/?region={world.town.pk}&first=2026-07-01&last=2026-09-30")
    page.wait_for_selector("text=Nothing was credited there")
    look(page, assert_axe_clean, "simulate")
