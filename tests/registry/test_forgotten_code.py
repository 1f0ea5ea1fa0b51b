"""A forgotten password set with a code by text message: nothing revealed, bounded, once, and past no second factor."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.people import PASSWORD, make_resident, make_staff, new_phone
from tests.support import worlds
from timebank.common import sweeps
from timebank.common.limits import Limit, TooOften
from timebank.common.models import Event
from timebank.messages.channels import HttpSms, NotSent
from timebank.registry import services as registry
from timebank.registry.errors import PasswordAtOffice, WeakPassword, WrongTextCode
from timebank.registry.models import PasswordCode, PhoneChange, Resident, User
from timebank.registry.services import forgotten, second_factor, text_codes

pytestmark = pytest.mark.django_db
made = worlds.fixture("made", "tests.factories.people.make_regions")
ASK, CODE = "/sign-in/forgotten/", "/sign-in/forgotten/code/"
NEW = "wheat-and-rain-9"


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE, settings.SMS_URL, settings.SECOND_FACTOR = "en", "https://sms.example/send", True
    return made


@pytest.fixture
def texts(monkeypatch) -> list[tuple[str, str]]:
    """Catch what would leave for the gateway."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(HttpSms, "send", lambda _self, *, to, text, **_rest: sent.append((to, text)))
    return sent


def send(now: dt.datetime | None = None) -> None:
    for pk in list(forgotten.SEND.due(now or timezone.now())):
        forgotten.send_password_code(pk, now or timezone.now())


def code_in(text: str) -> str:
    return re.search(r"\d{6}", text)[0]


def ask(phone: str, now: dt.datetime, address: str = "") -> PasswordCode:
    row = forgotten.ask_password_code(phone=phone, address=address, now=now)
    send(now)
    row.refresh_from_db()
    return row


def answer(code: str, password: str = NEW) -> dict[str, str]:
    return {"code": code, "new": password, "again": password}


def test_number_code_and_password_sign_in_and_end_all_else(places, texts):
    wang = make_resident(places.village, "王秀英")
    elsewhere, visitor = Client(), Client()
    assert elsewhere.post("/sign-in/", {"username": wang.phone, "password": PASSWORD}).status_code == 302
    assert ASK in visitor.get("/sign-in/").text
    assert ASK in elsewhere.get("/me/password/").text
    key = re.search(r'name="idempotency_key" value="([^"]+)"', visitor.get(ASK).text)[1]
    form = {"phone": f"{wang.phone[:3]} {wang.phone[3:]}", "idempotency_key": key}
    assert visitor.post(ASK, form).headers["Location"] == CODE
    assert visitor.post(ASK, form).headers["Location"] == CODE
    assert PasswordCode.objects.count() == 1  # sent twice: one code
    send()
    send()
    assert [to for to, _text in texts] == [wang.phone]
    assert "王*英" in texts[0][1]
    code = code_in(texts[0][1])
    assert code not in str(PasswordCode.objects.values())
    assert Client().get(CODE).headers["Location"] == ASK  # the page is the browser's that asked
    assert visitor.post(CODE, answer(code) | {"again": "something-else-1"}).status_code == 422
    assert visitor.post(CODE, answer(code, "12345678")).status_code == 422
    assert visitor.post(CODE, answer("000000" if code != "000000" else "111111")).status_code == 422
    assert visitor.post(CODE, answer(code)).headers["Location"] == "/"
    assert visitor.get("/me/").status_code == 200
    assert elsewhere.get("/me/").headers["Location"].startswith("/sign-in/")
    assert User.objects.get(pk=wang.user_id).check_password(NEW)
    assert Event.objects.filter(kind="password_set_by_code", recipients=[f"user:{wang.user_id}"]).count() == 1
    assert visitor.get(CODE).headers["Location"] == ASK
    # The same form that was already under way: done once. With another password the code is used up.
    row = PasswordCode.objects.get()
    assert forgotten.set_password_by_code(row=row, code=code, password=NEW).pk == wang.user_id
    with pytest.raises(WrongTextCode):
        forgotten.set_password_by_code(row=row, code=code, password="another-one-77")
    assert Event.objects.filter(kind="password_set_by_code").count() == 1
    with pytest.raises(WeakPassword):
        forgotten.set_password_by_code(row=row, code=code, password="password")
    with time_machine.travel(timezone.now() + dt.timedelta(days=2)):
        sweeps.run(next(sweep for sweep in forgotten.SWEEPS if sweep is not forgotten.SEND))
    assert not PasswordCode.objects.exists()


def test_the_answer_is_the_same_whoever_has_the_number(places, texts):
    li = make_resident(places.village)
    closed, gone, admin = (make_resident(places.village) for _count in range(3))
    Resident.objects.filter(pk=closed.pk).update(status=Resident.Status.CLOSED, closed_at=timezone.now())
    User.objects.filter(pk=gone.user_id).update(is_active=False)
    registry.grant_role(user=admin.user, role="village_admin", region=places.village, actor=None)
    seen = set()
    for number in (li.phone, new_phone(), closed.phone, gone.phone, admin.phone):
        client = Client()
        with CaptureQueriesContext(connection) as asked:
            first = client.post(ASK, {"phone": number})
        send()
        with CaptureQueriesContext(connection) as tried:
            wrong = client.post(CODE, answer("1"))
        page = client.get(CODE)
        shown = [re.sub(r"\d+", "", re.sub(r'value="[^"]{60,}"', "", got.text)) for got in (page, wrong)]
        seen.add((first.status_code, first["Location"], wrong.status_code, *shown, len(asked), len(tried)))
    assert len(seen) == 1
    # A text only where somebody signs in with the number; to the office's admin without a factor the way to the office.
    assert {to: bool(re.search(r"\d{6}", text)) for to, text in texts} == {li.phone: True, admin.phone: False}


def test_codes_lapse_are_few_and_guessed_five_times_and_the_last_one_counts(places, texts, monkeypatch):
    wang, now = make_resident(places.village), timezone.now()
    hour = dt.timedelta(hours=1)
    first = ask(wang.phone, now)
    second = ask(wang.phone, now)
    codes = [code_in(text) for _to, text in texts]
    with pytest.raises(WrongTextCode):  # a newer one was asked for
        forgotten.set_password_by_code(row=first, code=codes[0], password=NEW, now=now)
    with pytest.raises(WrongTextCode):  # another wish's code
        forgotten.set_password_by_code(row=second, code=codes[0], password=NEW, now=now)
    with pytest.raises(WrongTextCode):  # too late
        late = now + text_codes.HOLDS + dt.timedelta(seconds=1)
        forgotten.set_password_by_code(row=second, code=codes[1], password=NEW, now=late)
    third = ask(wang.phone, now + hour)
    for _try in range(forgotten.WRONG.most):
        with pytest.raises(WrongTextCode):
            forgotten.set_password_by_code(row=third, code="1", password=NEW, now=now + hour)
    with pytest.raises(TooOften):
        forgotten.set_password_by_code(row=third, code=code_in(texts[2][1]), password=NEW, now=now + hour)
    assert User.objects.get(pk=wang.user_id).check_password(PASSWORD)
    # Numbers, addresses and all together are bounded, whoever has them.
    then, stranger = now + 3 * hour, new_phone()
    for _time in range(forgotten.ASKED.most):
        forgotten.ask_password_code(phone=stranger, now=then)
    with pytest.raises(TooOften):
        forgotten.ask_password_code(phone=stranger, now=then)
    for name in ("ASKED_FROM", "OVER_ALL"):
        monkeypatch.setattr(forgotten, name, Limit(name, 1, 3600))
        forgotten.ask_password_code(phone=new_phone(), address="10.0.0.1", now=then)
        with pytest.raises(TooOften):
            forgotten.ask_password_code(phone=new_phone(), address="10.0.0.1", now=then)
        monkeypatch.undo()


def test_a_gateway_that_fails_is_not_asked_again_and_late_rows_are_not_sent(places, monkeypatch):
    tried: list[int] = []

    def refuse(*_args, **_named) -> None:
        tried.append(1)
        raise NotSent("no")

    monkeypatch.setattr(HttpSms, "send", refuse)
    wang, now = make_resident(places.village), timezone.now()
    ask(wang.phone, now)
    send(now)
    forgotten.ask_password_code(phone=wang.phone, now=now)
    send(now + text_codes.HOLDS + dt.timedelta(seconds=1))
    assert tried == [1]


def test_no_code_by_a_young_number_or_past_a_factor_that_the_office_wants(places, texts, settings):
    now = timezone.now()
    wang, li = make_resident(places.village), make_resident(places.village)
    PhoneChange.objects.create(
        user=wang.user, old_phone="", new_phone=wang.phone, asked_at=now, done_at=now, done_by=wang.user
    )
    assert ask(wang.phone, now).user is None
    assert not re.search(r"\d{6}", texts.pop()[1])
    assert ask(wang.phone, now + forgotten.YOUNG + dt.timedelta(seconds=1)).user == wang.user
    texts.clear()
    # A number that changes between asking and answering, or an office given in between.
    row = ask(li.phone, now)
    registry.grant_role(user=li.user, role="village_admin", region=places.village, actor=None)
    with pytest.raises(PasswordAtOffice):
        forgotten.set_password_by_code(row=row, code=code_in(texts.pop()[1]), password=NEW, now=now)
    # With the factor set up a code by text lets nobody past it.
    admin = make_staff("village_admin", places.village)
    User.objects.filter(pk=admin.pk).update(phone=new_phone())
    admin.refresh_from_db()
    assert ask(admin.phone, now).user is None
    texts.clear()
    second_factor.set_up(
        user=admin, secret=(secret := second_factor.new_secret()), code=second_factor.current_code(secret)
    )
    client = Client()
    client.post(ASK, {"phone": admin.phone})
    send()
    assert client.post(CODE, answer(code_in(texts[-1][1]))).status_code == 302
    assert client.get("/village/").headers["Location"].startswith("/sign-in/code/")
    # Without a text service the page says who helps, and asks nothing.
    settings.SMS_URL = ""
    page = Client().get(ASK).text
    assert "village office" in page
    assert 'name="phone"' not in page
    assert Client().post(ASK, {"phone": li.phone}).status_code == 422
