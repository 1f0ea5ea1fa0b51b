"""Finding the way: notice, objection and ledger check from everywhere; every role begins at its work and finds help."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils import translation

from tests.factories.people import make_staff
from tests.factories.service import World
from timebank.common import contract
from timebank.registry import roles
from timebank.registry.models import Region
from timebank.villages.help import CHAPTERS, RESIDENT, SAME

pytestmark = pytest.mark.django_db


def enter(user: Any = None) -> Client:
    """Return a client of its own for a person, or for nobody; pages answer in English."""
    client = Client()
    client.cookies["django_language"] = "en"
    if user is not None:
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def links(client: Client, url: str) -> set[str]:
    """Return where a page leads, in its own part: below the menus."""
    page = client.get(url, follow=True).text
    return set(re.findall(r'href="([^"#?]+)', page[page.index("<main") :]))


def test_notice_objection_and_ledger_are_found_from_home_record_and_landing(world: World) -> None:
    (record,) = world.published(world.wang)
    notice, ledger = f"/notice/{world.village.pk}/", reverse("ledger:verify")
    objection, page = f"/notice/{world.village.pk}/{record.pk}/object/", f"/me/hours/{record.pk}/"
    stranger, wang, li = enter(), enter(world.wang.user), enter(world.li.user)
    # From the landing page, without an account: any village's list, by its name.
    assert {"/notice/", ledger} <= links(stranger, "/")
    assert notice in links(stranger, "/notice/")
    found = stranger.get("/notice/", {"q": world.village.short_name}).text
    assert notice in found
    assert "1 record on notice" in found
    assert notice not in stranger.get("/notice/", {"q": "没有这样的村"}).text
    assert stranger.get(ledger).status_code == 200
    # From home and from each record.
    assert {notice, ledger} <= links(wang, "/")
    assert wang.get("/notice/").headers["Location"] == notice
    assert {notice, objection, ledger} <= links(wang, page)
    assert objection in links(li, notice)
    assert li.get(objection).status_code == 200
    # Who lives elsewhere, or is nobody, reads and does not object.
    assert objection not in links(stranger, notice)
    # Above a village the list says which village.
    (town,) = re.findall(rf"<h1>.*?{world.village.short_name}.*?</h1>", stranger.get(notice).text, re.DOTALL)
    assert town


def test_the_villages_of_the_notices_cost_the_same_for_one_and_for_thirty(world: World) -> None:
    counts = []
    for many in (1, 29):
        for number in range(many):
            facts = {"code": f"3710039{many:02}{number:03}", "name": f"公示村{many}-{number}村委会"}
            facts |= {"short_name": f"公示村{many}-{number}", "level": "village"}
            Region.objects.add_child(Region.objects.get(pk=world.town.pk), create_kwargs=facts)
        with CaptureQueriesContext(connection) as seen:
            page = enter().get(reverse("service:notices"), {"q": "公示村"})
        counts.append(len(seen))
    assert page.text.count("公示村") >= 30
    assert counts[0] == counts[1]


def test_every_role_begins_at_its_work_and_has_its_help(world: World) -> None:
    table = roles.table()
    own = [key for key in table.roles if not apps.get_app_config(table.app_of[key]).name.startswith("tests.")]
    starts = {page.role: page.url_name for page in contract.items("start_pages")}
    assert set(own) <= set(starts)
    chapters = {chapter.role: chapter for chapter in CHAPTERS}
    assert RESIDENT in chapters
    for key in own:
        chapter = chapters[SAME.get(key, key)]
        if table.roles[key].scope != roles.REGION:
            continue
        level = world.village if key not in {"town_admin", "city_admin"} else world.town
        client = enter(make_staff(key, level))
        landed = client.get("/", follow=True)
        assert landed.status_code == 200, key
        assert resolve(landed.request["PATH_INFO"]).view_name.split(":")[0] == starts[key].split(":")[0], key
        english = unescape(client.get(reverse("villages:help")).text)
        client.cookies["django_language"] = "zh-hans"
        chinese = client.get(reverse("villages:help")).text
        with translation.override("en"):
            own_step, resident_step = str(chapter.steps[0])[:20], str(chapters[RESIDENT].steps[0])[:20]
        assert english.index(own_step) < english.index(resident_step), key
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert own_step not in chinese


def test_every_list_above_a_village_names_the_village(world: World) -> None:
    world.attended(world.wang)
    world.published(world.li)
    world.activity()
    town = enter(make_staff("town_admin", world.town))
    for name in ("desk:residents", "desk:notice"):
        page = town.get(reverse(name), {"place": world.town.pk}, follow=True)
        assert page.status_code == 200, name
        main = page.text[page.text.index("<main") :]
        rows = re.sub(r"<select.*?</select>|<h1.*?</h1>", "", main, flags=re.DOTALL)
        assert world.village.short_name in rows, name
