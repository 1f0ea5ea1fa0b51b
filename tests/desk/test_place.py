"""The place is in the address and in the form, never in the session: two tabs, a shared link, Back."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from marketplace import desk
from marketplace.partner.services import create_partner
from marketplace.rewards import services as rewards
from marketplace.rewards.services.goods_imports import begin_goods_import
from marketplace.rewards.services.opening import count_opening
from marketplace.rewards.services.shelf import list_on_shelf
from marketplace.rewards.services.transfers import send_stock
from tests.factories.desk import objection
from tests.factories.people import make_resident, make_staff
from tests.support import worlds
from timebank.registry import services
from timebank.registry.models import Resident, RoleGrant, User
from timebank.service.models import NoticeList

pytestmark = pytest.mark.django_db


made = worlds.fixture("made", "tests.factories.people.make_regions")


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE = "en"
    return made


@pytest.fixture
def admin(places) -> User:
    """Return the admin of two villages of one town."""
    admin = make_staff("village_admin", places.village)
    services.grant_role(user=admin, role="village_admin", actor=None, region=places.sister)
    return User.objects.get(pk=admin.pk)


@pytest.fixture
def client(client, admin):
    client.force_login(admin, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def page(name: str, place=None) -> str:
    return reverse(f"desk:{name}") + (f"?where={place.pk}" if place else "")


def place_in(text: str) -> str:
    return re.search(r'name="place" value="(\d+)"', text)[1]


def test_two_tabs_act_each_in_the_place_that_it_shows(client, places):
    here, there = page("staff", places.village), page("staff", places.sister)
    first = client.get(here).text
    second = client.get(there).text  # the other tab, opened later
    assert (place_in(first), place_in(second)) == (str(places.village.pk), str(places.sister.pk))
    clerk = make_resident(places.village, "店员")
    form = {"phone": clerk.phone, "person": clerk.user_id, "role": "clerk", "place": place_in(first)}
    assert client.post(here, form).status_code == 302
    grant = RoleGrant.objects.get(user=clerk.user)
    assert grant.region == places.village


def test_a_form_of_one_place_sent_to_another_is_refused_and_does_nothing(client, places):
    clerk = make_resident(places.village, "店员")
    form = {"phone": clerk.phone, "person": clerk.user_id, "role": "clerk", "place": str(places.village.pk)}
    answer = client.post(page("staff", places.sister), form)
    assert answer.status_code == 409
    assert "another place" in answer.text
    assert not RoleGrant.objects.filter(user=clerk.user).exists()
    answer = client.post(page("register", places.sister), {"name": "新人", "place": str(places.village.pk)})
    assert answer.status_code == 409
    assert not Resident.objects.filter(name="新人").exists()
    # Control: the same forms, where they belong.
    assert client.post(page("staff", places.village), form).status_code == 302
    assert RoleGrant.objects.filter(user=clerk.user, region=places.village).exists()


def test_the_place_goes_along_with_every_link_of_the_desk_and_stays_out_of_the_session(client, places):
    for name in ("home", "staff", "residents", "stock", "tickets", "statement", "verify", "notice", "activities"):
        text = client.get(page(name, places.sister)).text
        house = '<a class="brand" href="/village/">'  # leads to where one's work begins, wherever that is
        # Sponsors' pages show all places of a person together and choose the place in the form.
        own = r'(?:href|action)="(/village/(?!organisations/|needs/|pledges/|deliveries/)[^"]*)"'
        links = re.findall(own, text.replace(house, ""))
        assert links
        assert [link for link in links if f"where={places.sister.pk}" not in link] == [], name
        search = re.findall(r'<form method="get"[^>]*>(.*?)</form>', text, re.S)
        for form in search:
            assert 'name="where"' in form, name
    assert "where" not in str(dict(client.session))
    kept = {key: value for key, value in client.session.items() if key != "_auth_user_id"}  # it may be the same number
    assert str(places.sister.pk) not in [str(value) for value in kept.values()]
    # Control: without a place in the address there is none in the links, and the first granted is shown.
    text = client.get(page("staff")).text
    assert "where=" not in "".join(re.findall(r'href="(/village/[^"]*)"', text))
    assert place_in(text) == str(places.village.pk)


def test_after_a_form_one_is_still_in_the_place(client, places):
    clerk = make_resident(places.sister, "店员")
    form = {"phone": clerk.phone, "person": clerk.user_id, "role": "clerk", "place": str(places.sister.pk)}
    assert client.post(page("staff", places.sister), form)["Location"] == page("staff", places.sister)


def test_a_page_that_is_not_for_one_in_that_place_opens_where_it_is(client, admin, places):
    services.grant_role(user=admin, role="auditor", actor=None, region=places.other_town)
    assert client.get(page("home", places.stranger)).status_code == 200
    answer = client.get(page("verify", places.stranger) + "&which=returned")
    assert answer["Location"] == page("verify") + "?which=returned"
    assert client.post(page("verify", places.stranger)).status_code == 403
    assert client.get(page("home", places.county)).status_code == 404


def _addresses(village) -> dict[str, tuple[int, ...]]:
    """Return what the addresses of the desk with a number in them stand for."""
    record = village.world.published(village.world.wang)[0]
    wang, shelf = village.world.wang.pk, village.good().pk
    proxy = services.add_proxy(resident=village.world.li, helper=village.world.leader, relation="kin", actor=None)
    grant = RoleGrant.objects.filter(user=village.keeper).get()
    doubt = objection(village, record)  # while its list hangs out
    bought = village.redeem(village.credited(1)[0], village.good())
    village.hand_over(bought)
    new = list_on_shelf(partner=village.shop, title="盐", kind="goods", actor=village.keeper)
    counted = count_opening(
        partner=village.shop, counted=[(new, 3)], counted_on=dt.date(2026, 1, 1), actor=village.keeper
    )
    far = create_partner(name="周家店", village=village.world.other)
    sent = send_stock(stockrecord=village.good(), target=far, quantity=1, actor=village.keeper)
    broken = rewards.adjust_stock(
        stockrecord=village.good(), quantity=1, actor=village.keeper, reason="坏", kind="write_off"
    )
    loading = begin_goods_import(region=village.place, lines=[], file_name="货.xlsx", reason="", actor=village.keeper)
    return {
        "ticket_return": (bought.tickets.get().pk,),
        **dict.fromkeys(("record", "undo_verification"), (record.pk,)),
        "objection": (doubt.pk,),
        "notice_print": (village.place.pk,),
        "withdraw_notice": (NoticeList.objects.earliest("pk").pk,),
        "tile": ("hours",),
        "month": (2026, 9),
        **dict.fromkeys(("resident", "answer_request", "issue_card", "block_card", "add_helper"), (wang,)),
        "end_helper": (village.world.li.pk, proxy.pk),
        "stock_item": (shelf,),
        **dict.fromkeys(("end_role", "hand_over"), (grant.pk,)),
        **dict.fromkeys(
            (
                *("suppliers", "new_supplier", "shelf", "shelf_labels", "what_if", "goods_list"),
                *("shelf_fill", "shelf_prices", "opening_counts", "transfers", "write_offs"),
            ),
            (village.place.pk,),
        ),
        **dict.fromkeys(("supplier", "list_reward"), (village.good().partner_id,)),
        **dict.fromkeys(("price", "picture", "send_stock"), (shelf,)),
        "goods_example": (village.place.pk, "csv"),
        "opening_count": (counted.pk,),
        "transfer": (sent.pk,),
        "write_off": (broken.pk,),
        "goods_import": (loading.pk,),
    }


def test_every_form_of_the_desk_says_its_place_and_every_address_asks_for_it(village, enter):
    from marketplace.desk.urls import urlpatterns

    given = _addresses(village)
    services.grant_role(user=village.admin, role="village_admin", actor=None, region=village.world.other)
    admin = type(village.admin).objects.get(pk=village.admin.pk)
    forms, took = 0, set()
    for person in (admin, village.keeper):
        browser = enter(person)
        for pattern in urlpatterns:
            url = reverse(f"desk:{pattern.name}", args=given.get(pattern.name, ()))
            page = browser.get(url)
            if page.status_code == 200 and not page.streaming:
                for attributes, form in re.findall(r"<form([^>]*)>(.*?)</form>", page.text, re.S):
                    if 'method="post"' in attributes and not re.search(r'action="/(?!village/)', attributes):
                        forms += 1
                        assert f'name="place" value="{village.place.pk}"' in form, pattern.name
            for sent in ({"place": str(village.world.other.pk)}, {}, {"place": "x"}):  # elsewhere, nowhere, nonsense
                answer = Client.post(browser, url, sent)  # as sent: the desk's client would add the place
                assert answer.status_code in {409, 405, 403}, (pattern.name, sent, answer.status_code)
                took |= {pattern.name} if answer.status_code == 409 else set()
    assert forms >= 10
    assert took >= {
        "verify",
        "publish",
        "register",
        "staff",
        "end_role",
        "hand_over",
        "issue_card",
        "add_helper",
        "stock_item",
    }
    assert not Resident.objects.exclude(status="active").exists()
    assert RoleGrant.objects.get(user=village.keeper).ended_at is None


def test_no_form_of_the_desk_can_be_written_without_its_place():
    for template in (Path(desk.__file__).parent / "templates").rglob("*.html"):
        text = template.read_text()
        assert text.count("{% csrf_token %}") == text.count("{% csrf_token %}{% place_field %}"), template.name
