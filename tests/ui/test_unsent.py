"""A form that is sent when the session has ended is not lost: nothing is saved, what was typed is sent again."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from timebank.registry.models import Resident

pytestmark = pytest.mark.django_db

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
ORIGIN = {"Origin": "http://testserver"}


def hidden(page: Any) -> dict[str, str]:
    return {name: unescape(value) for name, value in HIDDEN.findall(page.content.decode())}


@pytest.fixture
def desk(village: Any) -> Any:
    client = Client(enforce_csrf_checks=True, headers=ORIGIN)
    client.force_login(village.admin, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


@pytest.fixture
def village() -> Any:
    from tests.factories.desk import make_village

    return make_village()


def form_of(client: Client, address: str) -> dict[str, str]:
    return hidden(client.get(address))


def test_what_was_typed_outlives_the_session_and_is_sent_once(village: Any, desk: Client) -> None:
    address = reverse("desk:register")
    typed = {**form_of(desk, address), "name": "<陈>秀兰", "phone": "13711112222", "password": "never-shown-7"}
    del desk.cookies[settings.SESSION_COOKIE_NAME]
    page = desk.post(address, typed)
    assert page.status_code == 401
    kept = hidden(page)
    assert (kept["name"], kept["phone"]) == ("<陈>秀兰", "13711112222")
    assert "never-shown-7" not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not Resident.objects.filter(phone="13711112222").exists()
    # Signed in again in another tab: the token is another one, and the page offers the same with it.
    desk.force_login(village.admin, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    desk.get("/")
    again = desk.post(address, {**kept, "csrfmiddlewaretoken": "x" * 64})
    assert again.status_code == 403
    assert hidden(again)["name"] == "<陈>秀兰"
    answer = desk.post(address, hidden(again))
    assert answer.status_code in {302, 422}  # taken, or asked for what is still missing: nothing typed is gone
    assert answer.status_code == 302 or "陈" in answer.content.decode()


def test_nothing_is_offered_again_that_another_site_sent(desk: Client) -> None:
    address = reverse("desk:register")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"}):
        page = desk.post(address, {"name": "偷", "csrfmiddlewaretoken": "x" * 64}, headers=headers)
        assert page.status_code == 403
        assert "偷" not in page.content.decode()


def test_who_sends_no_form_of_ours_is_led_to_the_sign_in(client: Client) -> None:
    page = client.post(reverse("desk:register"), {"name": "陈"})
    assert page.status_code == 302
    assert page["Location"].startswith(reverse("registry:sign_in"))


def test_the_sign_in_itself_and_an_empty_form_are_not_kept(client: Client) -> None:
    wrong = client.post(
        reverse("registry:sign_in"), {"username": "13700000000", "password": "x", "csrfmiddlewaretoken": "y"}
    )
    assert wrong.status_code == 200
    empty = client.post(reverse("registry:sign_out"), {"csrfmiddlewaretoken": "y"})
    assert empty.status_code == 302
