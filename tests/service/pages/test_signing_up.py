"""Find an activity, sign up, withdraw; strangers find nothing."""

from __future__ import annotations

from collections.abc import Callable

import time_machine

from tests.factories.service import World, at
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.service import services
from timebank.service.models import SignUp


@time_machine.travel(at(16), tick=False)
def test_activities_page_lists_mine_first_and_filters(world: World, sign_in: Callable) -> None:
    client = sign_in(world.wang.user)
    mine = world.activity(title="我的活动")
    world.activity(title="扶老", category="elder", starts_at=at(17, 8), ends_at=at(17, 9))
    world.activity(title="下月", starts_at=at(10, 8, month=10), ends_at=at(10, 9, month=10))
    services.sign_up(activity=mine, resident=world.wang, actor=world.wang.user)
    page = client.get("/activities/")
    said = text_of(page)
    assert said.index("我的活动") < said.index("Open to you") < said.index("扶老")
    assert said.count("我的活动") == 1
    assert "下月" not in said
    assert "下月" in text_of(client.get("/activities/?when=all"))
    assert "扶老" not in text_of(client.get("/activities/?when=today"))
    assert "扶老" not in text_of(client.get("/activities/?when=all&category=clean"))
    assert "Nothing is open just now" in text_of(client.get("/activities/?category=repair"))
    assert client.get("/activities/?category=nonsense&when=xx&page=zz").status_code == 200


def test_activities_page_without_a_resident_says_what_to_do(world: World, sign_in: Callable) -> None:
    assert "Activities are for residents" in text_of(sign_in(world.admin).get("/activities/"))
    assert "Hours belong to residents" in text_of(sign_in(world.admin).get("/me/hours/"))


@time_machine.travel(at(16), tick=False)
def test_sign_up_and_withdraw_by_page(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.wang.user), world.activity(capacity=1, details="带手套")
    page = client.get(activity.get_absolute_url())
    for words in ("清洁村庄", "村委会门口", "leader", "0 of 1 taken", "1 place left", "带手套", "Sign up"):
        assert words in text_of(page)
    assert "You are signed up." in text_of(client.post(f"/activities/{activity.pk}/sign-up/", follow=True))
    assert SignUp.objects.get().actor == world.wang.user
    asked = client.get(f"/activities/{activity.pk}/withdraw/")
    assert "Withdraw from this activity?" in text_of(asked)
    assert SignUp.objects.get().state == "going"
    client.post(f"/activities/{activity.pk}/withdraw/")
    assert SignUp.objects.get().state == "withdrawn"
    assert client.get(f"/activities/{activity.pk}/withdraw/").status_code == 302


@time_machine.travel(at(16), tick=False)
def test_waiting_list_says_the_place_in_line(world: World, sign_in: Callable) -> None:
    activity = world.activity(capacity=1)
    services.sign_up(activity=activity, resident=world.li, actor=world.li.user)
    said = text_of(sign_in(world.wang.user).post(f"/activities/{activity.pk}/sign-up/", follow=True))
    assert "You are on the waiting list" in said
    assert "number 1 on the waiting list" in said


@time_machine.travel(at(16), tick=False)
def test_a_refused_sign_up_is_said_on_the_page(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.wang.user), world.activity()
    services.sign_up(activity=world.activity(title="早定的"), resident=world.wang, actor=world.wang.user)
    page = client.post(f"/activities/{activity.pk}/sign-up/")
    assert page.status_code == 409
    assert "早定的" in text_of(page)
    assert 'role="alert"' in page.content.decode()
    assert client.post(f"/activities/{activity.pk}/withdraw/").status_code == 409
    assert client.get(f"/activities/{activity.pk}/sign-up/").status_code == 405


def test_strangers_get_404(world: World, sign_in: Callable) -> None:
    far = world.resident(village=world.far)
    client, activity = sign_in(far.user), world.activity()
    (record,) = world.published(world.wang, title="别的")
    with refusal_of_nothing():
        for url in (
            activity.get_absolute_url(),
            f"/lead/{activity.pk}/",
            f"/lead/{activity.pk}/code/",
            "/lead/",
            "/lead/new/",
            f"/me/hours/{record.pk}/",
            f"/notice/{world.village.pk}/{record.pk}/object/",
            "/activities/999999/",
        ):
            assert client.get(url).status_code == 404, url
        for url in (
            f"/activities/{activity.pk}/sign-up/",
            f"/lead/{activity.pk}/close/",
            f"/lead/{activity.pk}/tap/",
            f"/lead/{activity.pk}/card/",
            f"/lead/{activity.pk}/places/",
            f"/lead/{activity.pk}/cancel/",
            f"/lead/{activity.pk}/enter/",
            f"/me/hours/{record.pk}/name/",
        ):
            assert client.post(url, {"reason": "x", "capacity": 1}).status_code == 404, url
