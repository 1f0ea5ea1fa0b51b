"""Staff accounts (K14): second factor, time-outs, who sits there, devices; each against what it forbids."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from tests.factories.people import PASSWORD, make_resident, make_staff
from tests.permissions.test_matrix import addresses
from tests.support import worlds
from timebank.common.errors import ReasonMissing
from timebank.common.limits import TooOften
from timebank.registry import roles, rules, services
from timebank.registry.errors import NotAllowed, OtherPersonNeeded, WrongCode
from timebank.registry.middleware import FREE, StaffSessionMiddleware
from timebank.registry.models import AuditEntry, Resident, RoleGrant, StaffPin, User
from timebank.registry.services import devices, second_factor

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"


made = worlds.fixture("made", "tests.factories.people.make_regions")


@pytest.fixture
def places(settings, made):
    settings.LANGUAGE_CODE = "en"
    settings.SECOND_FACTOR = True
    settings.STAFF_IDLE_SECONDS, settings.STAFF_SESSION_SECONDS, settings.CONFIRM_SECONDS = 1800, 12 * 3600, 1800
    return made


def _enter(user) -> Client:
    """Sign in as people do, with the password."""
    client = Client()
    assert client.post(SIGN_IN, {"username": user.phone, "password": PASSWORD}).status_code == 302
    return client


def _with_factor(user) -> str:
    secret = second_factor.new_secret()
    second_factor.set_up(user=user, secret=secret, code=second_factor.current_code(secret))
    return secret


def _past_code(user) -> Client:
    """Sign in with password and, where it is asked for, one of the codes on paper."""
    client = _enter(user)
    if second_factor.has_factor(user):
        code = second_factor.recovery_codes(user)[0]
        assert client.post("/sign-in/code/", {"code": code}).status_code == 302
    return client


# -- Who needs it ------------------------------------------------------------------------------------------------------
def test_the_need_follows_from_what_a_role_may_do():
    table = roles.table()
    need = {key for key in table.roles if table.needs_factor(key)}
    assert {"village_admin", "town_admin", "city_admin", "auditor", "verifier", "supervisor", "fund_keeper"} <= need
    assert not need & {"leader", "clerk", "supplier_staff", "sponsor_staff"}
    # What a new app declares and says nothing about needs it: safe by default.
    new = roles.Duties(roles=(roles.RoleSpec("new", "new"),), actions={"new": ("brand_new",)})
    assert roles.build([("new", new)]).needs_factor("new")
    # Plain and confirmed name only what somebody may do: a slip of the pen would exempt nothing, or guard nothing.
    assert table.plain | table.confirmed <= table.actions


def _walk(client: Client) -> dict[str, str]:
    """Ask every address without arguments; return where each that is not free leads."""
    led = {}
    for name in addresses():
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        if name in FREE:
            continue
        for answer in (client.get(path), client.post(path)):
            led[f"{name} {answer.request['REQUEST_METHOD']}"] = answer.headers.get("Location", str(answer.status_code))
    return led


def test_nothing_opens_before_the_factor_is_there_and_given(places):
    admin = make_staff("village_admin", places.village)
    client = _enter(admin)
    led = _walk(client)
    assert len(led) > 60
    assert {name: to for name, to in led.items() if not to.startswith("/me/security/code/")} == {}

    page = client.get("/me/security/code/").text
    secret = re.search(r"instead: *<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    assert "<svg" in page
    assert client.post("/me/security/code/", {"code": "000000"}).status_code == 422
    assert not second_factor.has_factor(admin)
    used = second_factor.current_code(secret)
    done = client.post("/me/security/code/", {"code": used})
    assert done.headers["Location"] == "/me/security/codes/"
    sheet = client.get("/me/security/codes/").text
    paper = re.findall(r"<code>(\d{4}) (\d{4})</code>", sheet)
    assert len(paper) == 10
    assert "An older sheet" not in sheet
    assert client.get("/village/").status_code == 200

    again = _enter(admin)
    led = _walk(again)
    assert {name: to for name, to in led.items() if not to.startswith("/sign-in/code/")} == {}
    # It turned the factor on: used up. (Not the code of now: half a minute may have ended meanwhile.)
    assert again.post("/sign-in/code/", {"code": used}).status_code == 422
    assert again.get("/village/").status_code == 302
    first = "".join(paper[0])
    answer = again.post("/sign-in/code/", {"code": f"{first[:4]} {first[4:]}", "next": "/village/residents/"})
    assert answer.headers["Location"] == "/village/residents/"
    assert again.get("/village/residents/").status_code == 200
    with pytest.raises(WrongCode):
        second_factor.check_code(user=admin, code=first)
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=2)):
        third = _enter(admin)
        code = second_factor.current_code(secret)
        full_width = code.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
        assert third.post("/sign-in/code/", {"code": full_width}).status_code == 302
        assert third.get("/village/").status_code == 200


def test_without_the_guard_the_walk_would_get_in(places, monkeypatch):
    monkeypatch.setattr(StaffSessionMiddleware, "process_view", lambda *args: None)
    client = _enter(make_staff("village_admin", places.village))
    assert client.get("/village/residents/").status_code == 200


def test_plain_roles_and_residents_go_on_with_the_password(places):
    leader = make_staff("leader", places.village)
    assert _enter(leader).get("/me/").status_code == 200
    resident = make_resident(places.village)
    assert _enter(resident.user).get("/me/").status_code == 200
    # A new office counts for a session that stands already, within minutes.
    client = _enter(resident.user)
    services.grant_role(user=resident.user, role="verifier", region=places.sister, actor=None)
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=6)):
        client.get("/me/")
        assert client.get("/me/").headers["Location"].startswith("/me/security/code/")


def test_an_office_password_and_a_factor_do_not_send_in_circles(places):
    admin = make_staff("village_admin", places.village)
    _with_factor(admin)
    town = make_staff("town_admin", places.town)
    password = services.reset_password(user=admin, actor=town)
    client = Client()
    client.post(SIGN_IN, {"username": admin.phone, "password": password})
    assert client.get("/village/").headers["Location"] == "/me/password/"
    assert client.get("/me/password/").headers["Location"].startswith("/sign-in/code/")
    assert client.get("/sign-in/code/").status_code == 200
    code = second_factor.recovery_codes(admin)[0]
    assert client.post("/sign-in/code/", {"code": code, "next": "/me/password/"}).headers["Location"] == "/me/password/"
    assert client.get("/me/password/").status_code == 200


def test_five_wrong_codes_pause_and_the_secret_is_not_readable_at_rest(places):
    admin = make_staff("village_admin", places.village)
    secret = _with_factor(admin)
    from allauth.mfa.models import Authenticator

    row = Authenticator.objects.get(user=admin, type="totp")
    assert secret not in str(row.data)
    now = timezone.now()
    for _try in range(5):
        with pytest.raises(WrongCode):
            second_factor.check_code(user=admin, code="123456", now=now)
    right = second_factor.recovery_codes(admin)[0]
    with pytest.raises(TooOften):
        second_factor.check_code(user=admin, code=right, now=now)
    second_factor.check_code(user=admin, code=right, now=now + dt.timedelta(minutes=16))
    assert second_factor.rotate_secrets() == 2
    assert len(second_factor.recovery_codes(admin)) == 9


def test_only_the_demo_shows_a_code(places, settings):
    admin = make_staff("village_admin", places.village)
    _with_factor(admin)
    assert "Only in this demo" in _enter(admin).get("/sign-in/code/").text
    settings.DEMO = False
    assert "Only in this demo" not in _enter(admin).get("/sign-in/code/").text


def test_another_person_turns_it_off_with_a_reason_and_nobody_alone_takes_over_an_account(places):
    admin, town = make_staff("village_admin", places.village), make_staff("town_admin", places.town)
    second_town = make_staff("town_admin", places.town)
    _with_factor(admin)
    url = reverse("registry:end_factor", args=[admin.pk])
    at_work = _past_code(admin)
    beside = make_staff("verifier", places.village)
    for actor in (admin, beside):
        with pytest.raises(NotAllowed):
            second_factor.end_factor(user=admin, actor=actor, reason="Handy kaputt")
    with pytest.raises(ReasonMissing):
        second_factor.end_factor(user=admin, actor=town, reason=" ")
    services.reset_password(user=admin, actor=second_town)
    with pytest.raises(OtherPersonNeeded):
        second_factor.end_factor(user=admin, actor=second_town, reason="手机坏了")
    assert second_factor.has_factor(admin)
    _with_factor(town)
    office = _past_code(town)
    assert url in office.get(reverse("registry:reset_password", args=[admin.pk])).text
    assert office.post(url, {"reason": "手机坏了"}).status_code == 302
    assert not second_factor.has_factor(admin)
    assert at_work.get("/village/").headers["Location"].startswith(SIGN_IN)  # signed out everywhere
    entry = AuditEntry.objects.get(action="end_factor")
    assert (entry.actor, entry.reason, entry.subject) == (town, "手机坏了", f"user:{admin.pk}")
    with pytest.raises(OtherPersonNeeded):
        services.reset_password(user=admin, actor=town)


# -- How long a session holds ------------------------------------------------------------------------------------------
def test_after_a_pause_the_page_asks_who_is_there_and_keeps_what_was_typed(places):
    admin = make_staff("village_admin", places.village)
    _with_factor(admin)
    wang = make_resident(places.village, "王秀英")
    url = reverse("desk:resident", args=[wang.pk]) + f"?place={places.village.pk}"
    typed = {"name": "王秀兰", "phone": wang.phone, "household_number": "7", "place": places.village.pk}
    with time_machine.travel(timezone.now()) as clock:
        client = _past_code(admin)
        clock.shift(dt.timedelta(minutes=29))
        assert client.get(url).status_code == 200
        clock.shift(dt.timedelta(minutes=29))  # counted from the last page, not from the sign-in
        assert client.get(url).status_code == 200
        clock.shift(dt.timedelta(minutes=31))
        asked = client.get(url)
        assert asked.status_code == 403
        assert "Who is there?" in asked.text
        assert wang.phone not in asked.text
        assert client.post(url, {"confirm_it_is_you": "wrong", "confirm_method": "get"}).status_code == 403
        gone_on = client.post(url, {"confirm_it_is_you": PASSWORD, "confirm_method": "get"})
        assert gone_on.headers["Location"] == url
        assert client.get(url).status_code == 200
        clock.shift(dt.timedelta(minutes=31))
        asked = client.post(url, typed)
        assert asked.status_code == 403
        assert Resident.objects.get(pk=wang.pk).name == "王秀英"
        kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
        assert {name: kept[name] for name in typed} == {name: str(value) for name, value in typed.items()}
        assert client.post(url, {**typed, "confirm_it_is_you": PASSWORD}).status_code == 302
        assert Resident.objects.get(pk=wang.pk).name == "王秀兰"
        # What a page fetches by itself keeps no session awake.
        for _quarter in range(3):
            clock.shift(dt.timedelta(minutes=15))
            client.get("/village/", headers={"HX-Request": "true"})
        assert client.get(url).status_code == 403
        for _try in range(4):
            assert client.post(url, {"confirm_it_is_you": "no", "confirm_method": "get"}).status_code == 403
        assert client.post(url, {"confirm_it_is_you": "no"}).headers["Location"] == SIGN_IN
        assert client.get(url).headers["Location"].startswith(SIGN_IN)


def test_a_days_work_ends_whatever_was_done_and_residents_are_left_alone(places):
    leader, resident = make_staff("leader", places.village), make_resident(places.village)
    with time_machine.travel(timezone.now()) as clock:
        staff, home = _enter(leader), _enter(resident.user)
        for _half_hour in range(25):
            clock.shift(dt.timedelta(minutes=29))
            answer = staff.get("/me/")
        assert answer.headers["Location"].startswith(SIGN_IN)
        assert home.get("/me/").status_code == 200


def test_an_approved_device_asks_only_a_pin_and_five_wrong_ones_end_the_session(places):
    leader, admin = make_staff("leader", places.village), make_staff("village_admin", places.village)
    with time_machine.travel(timezone.now()) as clock:
        client = _enter(leader)
        assert client.post("/me/security/pin/", {"pin": "1234", "again": "1234"}).status_code == 422  # too easy
        assert client.post("/me/security/pin/", {"pin": "5927", "again": "5927"}).status_code == 302
        assert "5927" not in StaffPin.objects.get(user=leader).pin_hash
        client.post("/me/security/device/")
        device = leader.devices.get()
        clock.shift(dt.timedelta(minutes=31))
        pin = {"confirm_it_is_you": "5927", "confirm_method": "get"}
        assert client.post("/me/", pin).status_code == 403  # not approved: the password it is
        assert client.post("/me/", {**pin, "confirm_it_is_you": PASSWORD}).status_code == 302
        with pytest.raises(NotAllowed):
            devices.approve_device(device=device, actor=leader)
        own, _token = devices.ask_device(user=admin)
        with pytest.raises(OtherPersonNeeded):
            devices.approve_device(device=own, actor=admin)
        client.post("/me/security/device/")
        device = leader.devices.get(ended_at=None)
        devices.approve_device(device=device, actor=admin)
        clock.shift(dt.timedelta(minutes=31))
        assert "Your PIN" in client.get("/me/").text
        assert client.post("/me/", pin).status_code == 302
        assert client.get("/me/").status_code == 200
        clock.shift(dt.timedelta(minutes=31))
        elsewhere = _enter(leader)  # the same person at another device: the PIN is nothing there
        clock.shift(dt.timedelta(minutes=31))
        assert elsewhere.post("/me/", pin).status_code == 403
        for _try in range(4):
            assert client.post("/me/", {**pin, "confirm_it_is_you": "9999"}).status_code == 403
        assert client.post("/me/", {**pin, "confirm_it_is_you": "9999"}).headers["Location"] == SIGN_IN
        clock.shift(devices.HOURS)
        assert devices.approved_device(token="x", user=leader) is None
        assert not leader.devices.filter(approved_until__gt=timezone.now()).exists()


def test_appointing_wants_a_fresh_password_or_code(places):
    admin, chosen = make_staff("village_admin", places.village), make_resident(places.village, "郑队长")
    secret = _with_factor(admin)
    url = reverse("desk:staff") + f"?place={places.village.pk}"
    typed = {"phone": chosen.phone, "person": chosen.user_id, "role": "leader", "place": places.village.pk}
    with time_machine.travel(timezone.now()) as clock:
        client = _past_code(admin)
        for _quarter in range(3):
            clock.shift(dt.timedelta(minutes=15))
            assert client.get(url).status_code == 200
        asked = client.post(url, typed)
        assert asked.status_code == 403
        assert "What you filled in is kept." in asked.text
        assert not RoleGrant.objects.filter(user=chosen.user).exists()
        code = second_factor.current_code(secret)
        assert client.post(url, {**typed, "confirm_it_is_you": code}).status_code == 302
        assert RoleGrant.objects.filter(user=chosen.user, role="leader").exists()


def test_every_act_that_is_declared_so_asks_and_programs_are_not_asked(places):
    table = roles.table()
    assert {"grant_role", "publish_notice", "approve_payment", "set_up_fund", "approve_scheme"} <= table.confirmed
    for action in sorted(table.confirmed):
        role = next(key for key, allowed in table.allowed.items() if action in allowed)
        region = places.town if role in {"town_admin", "city_admin"} else places.village
        user = make_staff(role, region)
        rules.require(user, action, region)
        user.must_confirm = True
        with pytest.raises(rules.ConfirmFirst):
            rules.require(user, action, region)


def test_ending_anothers_role_asks_as_granting_does_and_ones_own_does_not(places):
    admin, leader = make_staff("village_admin", places.village), make_staff("leader", places.village)
    grant = RoleGrant.objects.get(user=leader)
    admin.must_confirm = True
    with pytest.raises(rules.ConfirmFirst):
        services.end_role(grant=grant, actor=admin)
    grant.refresh_from_db()
    assert grant.ended_at is None
    leader.must_confirm = True
    assert services.end_role(grant=grant, actor=leader).ended_at is not None


def test_an_operator_is_led_to_the_code_of_another_operator_and_nobody_else_is(places):
    one, other = (
        User.objects.create_superuser(username=name, phone=phone, password=PASSWORD)
        for name, phone in (("one", "13700001231"), ("other", "13700001232"))
    )
    admin = make_staff("village_admin", places.village)
    for user in (one, other, admin):
        _with_factor(user)
    off = reverse("registry:end_factor", args=[other.pk])
    for user, led in ((one, True), (other, False), (admin, False)):
        client = _past_code(user)
        assert (f'href="{off}"' in client.get(reverse("registry:security")).text) == led
        if led:
            assert client.get(off).status_code == 200


def test_sign_out_everywhere_leaves_only_this_one(places):
    resident = make_resident(places.village)
    here, lost = _enter(resident.user), _enter(resident.user)
    assert here.post("/me/security/sign-out/").status_code == 302
    assert here.get("/me/").status_code == 200
    assert lost.get("/me/").headers["Location"].startswith(SIGN_IN)


def test_a_password_of_the_office_ends_a_lock_out(places, settings):
    settings.AXES_ENABLED = True
    resident, admin = make_resident(places.village), make_staff("village_admin", places.village)
    visitor = Client()
    for _try in range(8):
        visitor.post(SIGN_IN, {"username": resident.phone, "password": "no"})
    assert visitor.post(SIGN_IN, {"username": resident.phone, "password": PASSWORD}).status_code != 302
    password = services.reset_password(user=resident.user, actor=admin)
    assert visitor.post(SIGN_IN, {"username": resident.phone, "password": password}).status_code == 302
