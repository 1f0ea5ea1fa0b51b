"""The code at the place: one button, one check-in, nothing for a photograph."""

from __future__ import annotations

from collections.abc import Callable

import time_machine
from django.test import Client

from tests.factories.service import World, at
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.registry import services as registry
from timebank.service import services, tokens
from timebank.service.models import Attendance


def test_the_code_opens_a_page_with_one_button_and_a_reload_sends_nothing(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.wang.user), world.activity()
    with time_machine.travel(at(20, 8), tick=False):
        url = f"/in/{services.attendance_token(activity)}/"
        page = client.get(url)
        assert "Check in" in text_of(page)
        assert page.content.decode().count("attend__button") == 1
        assert not Attendance.objects.exists()
    with time_machine.travel(at(20, 8, 3), tick=False):  # the code is dead, the session's pass is not
        assert "Checked in" in text_of(client.post(url, {"what": "in"}))
        assert "Check out" in text_of(client.get(url))
        client.post(url, {"what": "in"})
    seen = Attendance.objects.get()
    assert (seen.checked_in_at, seen.check_in_method, seen.checked_out_at) == (at(20, 8, 3), "qr", None)
    with time_machine.travel(at(20, 11), tick=False):
        assert client.get(url).status_code == 410
        assert client.post(url, {"what": "out"}).status_code == 410
        fresh = f"/IN/{services.attendance_token(activity)}/"
        client.get(fresh)
        assert "2 h 57 min" in text_of(client.post(fresh, {"what": "out"}))
    assert Attendance.objects.get().checked_out_at == at(20, 11)


def test_a_photograph_of_the_code_is_worth_nothing(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.wang.user), world.activity()
    token = services.attendance_token(activity, at(20, 8))
    with time_machine.travel(at(20, 8, 1), tick=False), refusal_of_nothing():
        page = client.get(f"/in/{token}/")
        assert page.status_code == 410
        assert "Scan the code on the leader's screen again" in text_of(page)
        assert client.post(f"/in/{token}/", {"what": "in"}).status_code == 410
    with refusal_of_nothing():
        assert client.get("/in/A-1-2-NOTAREALSIGNATURE/").status_code == 404
        assert client.get(f"/in/{tokens.make('A', 10**6, at(20, 8))}/").status_code in {404, 410}


@time_machine.travel(at(20, 8), tick=False)
def test_signing_in_does_not_cost_the_check_in(world: World, client: Client) -> None:
    url = f"/in/{services.attendance_token(world.activity())}/"
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer.url.startswith("/sign-in/?next=/in/")
    with time_machine.travel(at(20, 8, 5), tick=False):
        client.force_login(world.wang.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        assert client.post(url, {"what": "in"}).status_code == 200
    assert Attendance.objects.get().checked_in_at == at(20, 8, 5)


@time_machine.travel(at(20, 8), tick=False)
def test_a_helper_checks_in_whom_they_act_for(world: World, sign_in: Callable) -> None:
    elder = world.resident("隋老太太", phone=False)
    registry.add_proxy(resident=elder, helper=world.li.user, relation="kin", actor=None)
    client = sign_in(world.li.user)
    session = client.session
    session["acting"] = {"resident": elder.pk, "by": "proxy"}
    session.save()
    url = f"/in/{services.attendance_token(world.activity())}/"
    assert "隋老太太" in text_of(client.get(url))
    client.post(url, {"what": "in"})
    seen = Attendance.objects.get()
    assert (seen.resident, seen.checked_in_by) == (elder, world.li.user)


@time_machine.travel(at(20, 8), tick=False)
def test_the_code_page_says_no_in_words(world: World, sign_in: Callable) -> None:
    activity = world.activity(capacity=1)
    services.check_in(activity=activity, resident=world.li, actor=world.leader)
    url = f"/in/{services.attendance_token(activity)}/"
    client = sign_in(world.wang.user)
    client.get(url)
    page = client.post(url, {"what": "in"})
    assert page.status_code == 409
    assert "All places are taken" in text_of(page)
    staff = sign_in(world.admin)
    assert "belongs to no resident" in text_of(staff.get(url))
