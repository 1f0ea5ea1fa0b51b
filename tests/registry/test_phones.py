"""Changing one's number: password and code, both told, nothing revealed; without a text service at the desk."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from tests.factories.people import PASSWORD, make_resident, new_phone
from tests.support import worlds
from timebank.common.limits import TooOften
from timebank.messages.channels import HttpSms, NotSent
from timebank.registry.errors import WrongTextCode
from timebank.registry.exports import section
from timebank.registry.models import PhoneChange, Resident, User
from timebank.registry.rules import ConfirmFirst
from timebank.registry.services import phones, text_codes

pytestmark = pytest.mark.django_db
made = worlds.fixture("made", "tests.factories.people.make_regions")


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE, settings.SMS_URL = "en", "https://sms.example/send"
    settings.CONFIRM_SECONDS = 1800
    return made


@pytest.fixture
def texts(monkeypatch) -> list[tuple[str, str]]:
    """Catch what would leave for the gateway."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(HttpSms, "send", lambda _self, *, to, text, **_rest: sent.append((to, text)))
    return sent


def enter(user: User) -> Client:
    client = Client()
    assert client.post("/sign-in/", {"username": user.phone, "password": PASSWORD}).status_code == 302
    return client


def code_in(text: str) -> str:
    return re.search(r"\d{6}", text)[0]


def test_password_and_code_change_the_number_and_the_old_one_is_told_once(places, texts):
    wang, new = make_resident(places.village, "王秀英"), new_phone()
    old = wang.phone
    with time_machine.travel(timezone.now()) as clock:
        client, elsewhere = enter(wang.user), enter(wang.user)
        clock.shift(dt.timedelta(minutes=31))
        assert client.get("/me/phone/").status_code == 403  # the password first, freshly
        assert client.post("/me/phone/", {"phone": new}).status_code == 403
        assert texts == []
        step = client.post("/me/phone/", {"phone": new, "confirm_it_is_you": PASSWORD}).headers["Location"]
        assert client.post("/me/phone/", {"phone": new}).headers["Location"] == step  # sent twice: one code
        assert [to for to, _text in texts] == [new]
        assert client.post(step, {"code": "12345"}).status_code == 422
        neighbour = enter(make_resident(places.village, "李四").user)
        assert neighbour.post(step, {"code": code_in(texts[0][1])}).status_code == 404
        assert client.post(step, {"code": code_in(texts[0][1])}).headers["Location"] == "/me/phone/"
        wang = Resident.objects.get(pk=wang.pk)
        assert (wang.phone, wang.user.phone) == (new, new)
        page = client.get("/me/phone/").text  # this session goes on
        assert f"{old} → {new}" in page
        assert elsewhere.get("/me/").headers["Location"].startswith("/sign-in/")
        assert client.post(step, {"code": "000000"}).headers["Location"] == "/me/phone/"  # sent again: nothing new
        assert [row["new_phone"] for row in section(wang)["phone_numbers"]] == [new]
        now = timezone.now()
        for pk in [*phones.SWEEPS[0].due(now), *phones.SWEEPS[0].due(now)]:
            phones.tell_old_number(pk, now)
        assert [to for to, _text in texts] == [new, old]
        assert new not in texts[1][1]
        assert enter(wang.user).get("/me/").status_code == 200


def test_an_answer_says_nothing_about_a_number_but_to_who_holds_it(places, texts):
    wang, other = make_resident(places.village), make_resident(places.village)
    client = enter(wang.user)
    answers = []
    for number in (new_phone(), other.phone):
        first = client.post("/me/phone/", {"phone": number})
        step = first.headers["Location"]
        page = client.get(step)
        wrong = client.post(step, {"code": "12"})
        shown = [re.sub(r"\d+", "", re.sub(r'value="[^"]{60,}"', "", answer.text)) for answer in (page, wrong)]
        answers.append((first.status_code, page.status_code, wrong.status_code, *shown))
    assert answers[0] == answers[1]
    assert len(texts) == 2
    held = client.post(step, {"code": code_in(texts[1][1])})
    assert held.status_code == 422
    assert "village office" in held.text
    assert User.objects.get(pk=other.user_id).phone == other.phone


def test_codes_are_few_short_lived_and_guessed_only_five_times(places, texts, monkeypatch):
    wang, now = make_resident(places.village), timezone.now()
    numbers = [new_phone() for _count in range(6)]
    first = phones.ask_phone_change(user=wang.user, phone=numbers[0], now=now)
    with pytest.raises(WrongTextCode):  # too late
        late = now + text_codes.HOLDS + dt.timedelta(seconds=1)
        phones.confirm_phone_change(change=first, user=wang.user, code=code_in(texts[0][1]), now=late)
    then = now + dt.timedelta(hours=1)
    row = phones.ask_phone_change(user=wang.user, phone=numbers[1], now=then)
    assert not PhoneChange.objects.filter(pk=first.pk).exists()
    for _try in range(5):
        with pytest.raises(WrongTextCode):
            phones.confirm_phone_change(change=row, user=wang.user, code="1", now=then)
    with pytest.raises(TooOften):
        phones.confirm_phone_change(change=row, user=wang.user, code=code_in(texts[1][1]), now=then)
    for number in numbers[2:]:
        phones.ask_phone_change(user=wang.user, phone=number, now=then)
    with pytest.raises(TooOften):
        phones.ask_phone_change(user=wang.user, phone=new_phone(), now=then)
    assert len(texts) == 6
    wang.user.must_confirm = True
    with pytest.raises(ConfirmFirst):
        phones.ask_phone_change(user=wang.user, phone=new_phone(), now=then)
    with pytest.raises(ConfirmFirst):
        phones.confirm_phone_change(change=row, user=wang.user, code="1", now=then)

    # A gateway that fails leaves nothing behind; without one the page leads to the desk.
    def refuse(*_args, **_named) -> None:
        raise NotSent("no")

    monkeypatch.setattr(HttpSms, "send", refuse)
    li = make_resident(places.village)
    client = enter(li.user)
    assert client.post("/me/phone/", {"phone": new_phone()}).status_code == 422
    assert not PhoneChange.objects.filter(user=li.user).exists()


def test_without_a_text_service_the_page_leads_to_the_desk(places, settings):
    settings.SMS_URL = ""
    client = enter(make_resident(places.village).user)
    page = client.get("/me/phone/").text
    assert "village office" in page
    assert 'name="phone"' not in page
    assert client.post("/me/phone/", {"phone": new_phone()}).status_code == 422
