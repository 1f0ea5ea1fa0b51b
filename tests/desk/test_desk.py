"""Who finds a desk, what stands on it, and how far it reaches."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.desk.views.shelf import hidden_code
from tests.factories.desk import objection
from timebank.registry import services as registry
from timebank.service import services
from timebank.service.models import Record

LISTS = ("verify", "notice", "activities", "residents", "stock", "tickets", "statement", "staff")


def url(name: str, *args: object, **query: object) -> str:
    text = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(f"desk:{name}", args=args) + (f"?{text}" if text else "")


def table(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


# -- Who ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["home", *LISTS, "register", "publish"])
def test_the_desk_asks_for_a_sign_in(db, name):
    answer = Client().get(url(name))
    assert answer.status_code in {302, 405}
    if answer.status_code == 302:
        assert answer.headers["Location"].startswith(reverse("registry:sign_in"))


@pytest.mark.parametrize("name", ["home", *LISTS, "register"])
def test_residents_and_leaders_have_no_desk(village, enter, name):
    for user in (village.world.wang.user, village.world.leader):
        assert enter(user).get(url(name)).status_code == 404


def test_each_role_has_its_own_pages(village, enter):
    allowed = {
        "admin": set(LISTS),
        "keeper": {"stock", "tickets", "statement"},
        "town_admin": {"notice", "residents", "stock", "tickets", "statement", "staff"},
    }
    for who, pages in allowed.items():
        client = enter(getattr(village, who))
        assert client.get(url("home")).status_code == 200
        got = {name for name in LISTS if client.get(url(name)).status_code == 200}
        refused = {name for name in LISTS if client.get(url(name)).status_code == 403}
        assert (got, refused) == (pages, set(LISTS) - pages), who


def test_the_menu_shows_only_what_opens(village, enter):
    menus = {who: enter(getattr(village, who)).get(url("home")).content.decode() for who in ("admin", "keeper")}
    assert url("verify") in menus["admin"]
    assert url("verify") not in menus["keeper"]
    assert url("residents") not in menus["keeper"]
    assert url("stock") in menus["keeper"]


def test_tiles_count_what_waits_here_and_only_here(village, enter):
    village.submitted(3)
    far = village.world.resident("远人", village=village.world.far)
    assert far
    village.newcomer()
    village.good("毛巾", stock=2)
    page = enter(village.admin).get(url("home")).content.decode()
    values = dict(re.findall(r'tile__label">(?:<a[^>]*>)?([^<]+)<.*?tile__value">([^<]*)<', page, re.S))
    assert values["To verify"] == "3"
    assert values["Running out"] == "1"
    assert values["Residents"] == "5"  # Wang, Li and the three who served; not the newcomer, not the far one
    assert values["Want to join"] == "1"
    keeper = enter(village.keeper).get(url("home")).content.decode()
    assert "Running out" in keeper
    assert "To verify" not in keeper


def test_a_tile_reloads_alone_and_not_for_others(village, enter):
    village.submitted(2)
    answer = enter(village.admin).get(url("tile", "verify"))
    assert answer.status_code == 200
    assert 'class="tile__value">2<' in answer.content.decode()
    assert enter(village.keeper).get(url("tile", "verify")).status_code == 404
    assert enter(village.admin).get(url("tile", "nonsense")).status_code == 404


# -- How far -----------------------------------------------------------------------------------------------------------
def test_a_town_sees_every_village_of_its_own_and_may_choose_one(village, enter):
    village.submitted(1)
    client = enter(village.town_admin)
    page = client.get(url("home")).content.decode()
    assert "Place by place" in page
    assert "辛旺庄" in page
    assert "周家" in page
    assert "墩后" not in page
    page = client.get(url("home", where=village.place.pk)).content.decode()
    assert "Today in 辛旺庄" in page
    assert "Place by place" in client.get(url("home")).content.decode()  # the address says the place, nothing else does


def test_a_city_sees_its_towns_and_may_go_down_to_a_village(village, enter, monkeypatch):
    from timebank.registry.models import User

    monkeypatch.setattr("marketplace.desk.scope.CHOICES", 3)  # as in a city with more villages than a list can hold
    county = village.world.town.__class__.objects.get(code="371003000000")
    city_admin = User.objects.create_user(name="city", email="city@console.example", password="a-long-password")
    registry.grant_role(user=city_admin, role="city_admin", actor=None, region=county)
    village.submitted(2)
    client = enter(city_admin)
    page = client.get(url("home")).content.decode()
    assert "泽库镇" in page
    assert "高村镇" in page
    assert "周家" not in page
    page = client.get(url("home", where=village.place.pk)).content.decode()
    assert "Today in 辛旺庄" in page
    assert "Today in 辛旺庄" not in client.get(url("home")).content.decode()
    assert client.get(url("residents")).content.decode().count("<option") >= 3


def test_a_foreign_region_cannot_be_chosen(village, enter):
    client = enter(village.admin)
    for region in (village.world.far, village.world.other, village.world.town):
        assert client.get(url("home", where=region.pk)).status_code == 404
    assert client.get(url("home", where="x")).status_code == 404


def test_lists_of_one_village_show_nothing_of_another(village, enter):
    far = village.world.resident("外村人", village=village.world.far)
    assert far
    village.submitted(1)
    client = enter(village.far_admin)
    assert "外村人" in client.get(url("residents")).content.decode()
    assert "王秀英" not in client.get(url("residents")).content.decode()
    for name in ("verify", "activities", "stock"):
        assert "清洁村庄" not in client.get(url(name)).content.decode()


# -- Lists -------------------------------------------------------------------------------------------------------------
def fill(village, count: int) -> None:
    """Put ``count`` rows more into every list."""
    village.submitted(count)
    for number in range(count):
        village.good(f"物品{number}", stock=1)
        user = village.world.resident().user
        registry.grant_role(user=user, role="leader", actor=None, region=village.place)
        village.world.activity(title=f"活动{number}")
    for record in Record.objects.filter(state="submitted")[:count]:
        services.verify_record(record=record, actor=village.admin)
        services.publish_notice(village=village.place, actor=village.admin)
    village.submitted(count)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("verify", {}),
        ("verify", {"which": "verified"}),
        ("notice", {}),
        ("activities", {"which": "past"}),
        ("residents", {}),
        ("stock", {}),
        ("staff", {}),
    ],
)
def test_a_list_takes_as_many_statements_for_thirty_rows_as_for_one(village, enter, name, query):
    client = enter(village.admin)

    def statements() -> int:
        client.get(url(name, **query))  # the first visit writes the session
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(url(name, **query))
        assert answer.status_code == 200
        return len(queries)

    fill(village, 1)
    few = statements()
    fill(village, 12)
    assert statements() == few


def test_tickets_and_statement_take_as_many_statements_for_many_rows_as_for_one(village, enter):
    good = village.good(stock=50, points=50)
    client = enter(village.admin)
    pages = [
        url("tickets"),
        url("tickets", which="waiting"),
        url("statement"),
        url("month", 2026, 9, which="minted"),
    ]

    def statements() -> list[int]:
        counts = []
        for page in pages:
            client.get(page)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page).status_code == 200
            counts.append(len(queries))
        return counts

    def trade(count: int) -> None:
        for person in village.credited(count):
            village.redeem(person, good)
            village.hand_over(village.redeem(person, good))

    trade(1)
    few = statements()
    trade(8)
    assert statements() == few


@pytest.mark.parametrize("name", LISTS)
def test_every_list_can_be_saved_as_a_table_without_formulas(village, enter, name):
    evil = village.world.resident("=HYPERLINK(1)")
    village.world.attended(evil)
    answer = enter(village.admin).get(url(name, format="csv", why="核对"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = table(answer)
    assert len(rows[0]) > 2
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))]
    if name in {"verify", "residents"}:
        assert any("'=HYPERLINK(1)" in row for row in rows)


def test_a_table_holds_every_row_not_only_the_first_page(village, enter):
    for _ in range(55):
        village.world.resident()
    rows = table(enter(village.admin).get(url("residents", format="csv", why="核对")))
    assert len(rows) == 1 + 57


def test_pages_have_one_heading_and_nothing_inline(village, enter):
    record = village.submitted(1)[0]
    published = village.world.published(village.world.resident())[0]
    doubt = objection(village, published)
    item = village.good()
    client = enter(village.admin)
    pages = [
        *(url(name) for name in ("home", *LISTS, "register")),
        url("record", record.pk),
        url("notice_print", published.notice_list_id),
        url("objection", doubt.pk),
        url("resident", village.world.wang.pk),
        url("issue_card", village.world.wang.pk),
        url("add_helper", village.world.wang.pk),
        url("stock_item", item.pk),
        url("month", 2026, 9),
    ]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        html = answer.content.decode()
        assert html.count("<h1") == 1, page
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", html), page
        assert "<script>" not in html, page


def test_a_code_on_the_desk_is_not_enough_to_collect(village, enter):
    person = village.credited()[0]
    ticket = village.redeem(person, village.good()).tickets.get()
    client = enter(village.admin)
    for which in ("waiting", "ending", "today"):
        assert ticket.code not in client.get(url("tickets", which=which)).content.decode()
    rows = table(client.get(url("tickets", which="waiting", format="csv")))
    assert rows[1][0] == hidden_code(ticket.code)
    assert ticket.code not in str(rows)
