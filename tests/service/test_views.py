"""The pages: what they show, what they change, what they refuse."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from tests.service.world import World, at
from timebank.registry import services as registry
from timebank.service import services, tokens
from timebank.service.models import Activity, Attendance, Objection, Record, SignUp


@pytest.fixture
def sign_in(client: Client) -> Callable[[Any], Client]:
    """Return a signer-in: ``sign_in(user)``; pages answer in English."""

    def go(user: Any) -> Client:
        client.cookies["django_language"] = "en"
        client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
        return client

    return go


def text_of(response: Any) -> str:
    """Return what a page says, without markup."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


# -- Finding and signing up --------------------------------------------------------------------------------------------
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
    assert SignUp.objects.get().by == world.wang.user
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
    (record,) = world.noticed(world.wang, title="别的")
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
            assert client.post(url, {"why": "x", "capacity": 1}).status_code == 404, url


def refusal_of_nothing() -> Any:
    """Expect that nothing changes, without an exception."""
    import contextlib

    from tests.service.world import _everything

    @contextlib.contextmanager
    def check() -> Any:
        before = _everything()
        yield
        assert _everything() == before

    return check()


# -- The code ----------------------------------------------------------------------------------------------------------
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
    assert (seen.came_at, seen.came_method, seen.left_at) == (at(20, 8, 3), "qr", None)
    with time_machine.travel(at(20, 11), tick=False):
        assert client.get(url).status_code == 410
        assert client.post(url, {"what": "out"}).status_code == 410
        fresh = f"/IN/{services.attendance_token(activity)}/"
        client.get(fresh)
        assert "2 h 57 min" in text_of(client.post(fresh, {"what": "out"}))
    assert Attendance.objects.get().left_at == at(20, 11)


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
    assert Attendance.objects.get().came_at == at(20, 8, 5)


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
    assert (seen.resident, seen.came_by) == (elder, world.li.user)


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


# -- Leading -----------------------------------------------------------------------------------------------------------
@time_machine.travel(at(15), tick=False)
def test_leader_opens_an_activity(world: World, sign_in: Callable) -> None:
    client = sign_in(world.leader)
    assert client.get("/lead/new/").status_code == 200
    given = {
        "team": world.team.pk,
        "title": "包饺子",
        "category": "canteen",
        "place": "幸福食堂",
        "day": "2026-09-18",
        "starts": "22:00",
        "ends": "01:00",
        "capacity": 8,
        "min_age": "",
        "details": "",
    }
    wrong = client.post("/lead/new/", {**given, "title": "", "capacity": 0, "day": "2026-09-01"})
    assert wrong.status_code == 422
    assert "This time is over" in text_of(wrong)
    assert not Activity.objects.exists()
    assert "People can sign up now" in text_of(client.post("/lead/new/", given, follow=True))
    made = Activity.objects.get()
    assert (made.starts_at, made.ends_at, made.opened_by, made.village) == (
        at(18, 22),
        at(19, 1),
        world.leader,
        world.village,
    )
    assert "包饺子" in text_of(client.get("/lead/"))
    assert "包饺子" not in text_of(client.get("/lead/?show=past"))


@time_machine.travel(at(20, 8, 10), tick=False)
def test_attendance_page_shows_a_fresh_code_and_the_list(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.leader), world.activity()
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user)
    page = client.get(f"/lead/{activity.pk}/")
    source = page.content.decode()
    assert 'hx-trigger="every 15s"' in source
    assert page["Cache-Control"].startswith("max-age=0")
    assert "王秀英" in source
    assert "Expected" in source
    (token,) = re.findall(r"/IN/([A-Z0-9-]+)/", page.context["code_url"])
    assert tokens.read(token, at(20, 8, 10)) == activity.pk
    part = client.get(f"/lead/{activity.pk}/code/")
    assert part.content.decode().strip().startswith('<div class="code"')
    assert "<html" not in part.content.decode()


@time_machine.travel(at(20, 8, 10), tick=False)
def test_leader_taps_people_in_and_out(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.leader), world.activity()
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user)
    url = f"/lead/{activity.pk}/tap/"
    assert client.post(url, {"resident": world.wang.pk, "what": "in"}).url.endswith(f"#person-{world.wang.pk}")
    part = client.post(url, {"resident": world.wang.pk, "what": "out"}, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "Gone" in text_of(part)
    assert Attendance.objects.get().left_at == at(20, 8, 10)
    client.post(url, {"resident": world.wang.pk, "what": "undo"})
    assert Attendance.objects.get().left_at is None
    with refusal_of_nothing():
        assert client.post(url, {"resident": world.li.pk, "what": "in"}).status_code == 404  # not on this list
        assert client.post(url, {"resident": "x", "what": "in"}).status_code == 404
        assert client.post(url, {"resident": world.wang.pk, "what": "fly"}).status_code == 404


@time_machine.travel(at(20, 8, 10), tick=False)
def test_a_refused_tap_is_said_where_the_list_stands(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.leader), world.activity()
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user)
    url, data = f"/lead/{activity.pk}/tap/", {"resident": world.wang.pk, "what": "out"}
    with refusal_of_nothing():
        part = client.post(url, data, headers={"HX-Request": "true"})
        page = client.post(url, data)
    for answer in (part, page):
        assert answer.status_code == 409
        assert answer.content.decode().count("There is no check-in yet") == 1
    assert "<html" not in part.content.decode()


@time_machine.travel(at(20, 8, 10), tick=False)
def test_leader_checks_in_and_out_by_card(world: World, sign_in: Callable) -> None:
    elder = world.resident("隋老太太", phone=False)
    card = registry.issue_card(resident=elder, actor=world.admin)
    client, activity = sign_in(world.leader), world.activity()
    url = f"/lead/{activity.pk}/card/"
    assert "checked in" in text_of(client.post(url, {"code": card.number}, follow=True))
    assert "checked out" in text_of(client.post(url, {"code": f"https://shanji.example/c/{card.number}/"}, follow=True))
    assert "already checked out" in text_of(client.post(url, {"code": card.number}, follow=True))
    seen = Attendance.objects.get()
    assert (seen.resident, seen.came_method, seen.left_method) == (elder, "card", "card")
    with refusal_of_nothing():
        wrong = client.post(url, {"code": "NOSUCHCARD"})
        assert wrong.status_code == 422
        assert 'role="alert"' in wrong.content.decode()
        assert client.post(url, {"code": ""}).status_code == 422


@time_machine.travel(at(20, 13), tick=False)
def test_leader_closes_and_reads_the_summary(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.leader), world.activity()
    services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(16))
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    assert "1 has not checked out" in text_of(client.get(f"/lead/{activity.pk}/close/"))
    assert Activity.objects.get().status == "open"
    said = text_of(client.post(f"/lead/{activity.pk}/close/", follow=True))
    assert "Time in all 4 h" in said
    assert "needs a second look" in said
    assert "Did not come" in said
    assert "李大山" in said
    assert client.get(f"/lead/{activity.pk}/close/").status_code == 302
    assert "清洁村庄" in text_of(client.get("/lead/?show=past"))


@time_machine.travel(at(16), tick=False)
def test_leader_changes_places_and_cancels(world: World, sign_in: Callable) -> None:
    client, activity = sign_in(world.leader), world.activity(capacity=1)
    for person in (world.wang, world.li):
        services.sign_up(activity=activity, resident=person, actor=person.user)
    client.post(f"/lead/{activity.pk}/places/", {"capacity": 2})
    assert SignUp.objects.filter(state="going").count() == 2
    with refusal_of_nothing():
        assert client.post(f"/lead/{activity.pk}/places/", {"capacity": 1}).status_code == 409
        assert client.post(f"/lead/{activity.pk}/places/", {"capacity": "many"}).status_code == 422
        assert client.get(f"/lead/{activity.pk}/cancel/").status_code == 200
        assert client.post(f"/lead/{activity.pk}/cancel/", {"why": ""}).status_code == 422
        assert client.post(f"/lead/{activity.pk}/close/").status_code == 409
    client.post(f"/lead/{activity.pk}/cancel/", {"why": "下大雨"})
    assert Activity.objects.get().status == "cancelled"
    assert "下大雨" in text_of(sign_in(world.wang.user).get(activity.get_absolute_url()))


@time_machine.travel(at(21), tick=False)
def test_leader_enters_hours_by_hand(world: World, sign_in: Callable) -> None:
    elder = world.resident("隋老太太", phone=False)
    client, activity = sign_in(world.leader), world.activity()
    url = f"/lead/{activity.pk}/enter/"
    assert 'value="240"' in client.get(url).content.decode()
    with refusal_of_nothing():
        assert client.post(url, {"code": elder.volunteer_number, "minutes": 60, "why": ""}).status_code == 422
        assert client.post(url, {"code": elder.volunteer_number, "minutes": 300, "why": "x"}).status_code == 409
        assert client.post(url, {"code": "NOBODY", "minutes": 60, "why": "x"}).status_code == 422
    said = text_of(client.post(url, {"code": elder.volunteer_number, "minutes": 60, "why": "手机没电"}, follow=True))
    assert "Entered for 隋老太太" in said
    record = Record.objects.get()
    assert (record.minutes, record.source, record.changes.get().why) == (60, "entered", "手机没电")


# -- Hours -------------------------------------------------------------------------------------------------------------
def test_hours_page_tells_what_why_and_who(world: World, sign_in: Callable) -> None:
    (record,) = world.credited(world.wang)
    world.attended(world.wang, title="修路灯", category="repair", starts_at=at(21, 8), ends_at=at(21, 10), minutes=90)
    client = sign_in(world.wang.user)
    said = text_of(client.get("/me/hours/"))
    for words in ("Credited in all", "4 h", "1 h 30 min", "Waiting for verification", "+1", "2 stars"):
        assert words in said
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    for words in ("Why this many points", "wendeng-rural@1", "Verified", "admin", "Put on public notice", "The system"):
        assert words in said


def test_hours_that_earned_nothing_yet_say_how_far_it_is(world: World, sign_in: Callable) -> None:
    (record,) = world.credited(world.wang, minutes=90)
    client = sign_in(world.wang.user)
    assert "counts on" in text_of(client.get("/me/hours/"))
    assert "2 h 30 min" in text_of(client.get(f"/me/hours/{record.pk}/"))


def test_record_page_tells_of_returns_and_objections(world: World, sign_in: Callable) -> None:
    (record,) = world.noticed(world.wang)
    client = sign_in(world.wang.user)
    assert "On public notice until" in text_of(client.get(f"/me/hours/{record.pk}/"))
    objection = services.raise_objection(record=record, resident=world.li, text="没来", actor=world.li.user, now=at(21))
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    assert "Somebody objected" in said
    assert "没来" in said
    assert "李大山" not in said
    services.answer_objection(objection=objection, actor=world.admin, upheld=True, answer="核实不在场")
    said = text_of(client.get(f"/me/hours/{record.pk}/"))
    assert "This record was returned" in said
    assert "核实不在场" in said


def test_a_resident_covers_and_shows_their_own_name_only(world: World, sign_in: Callable) -> None:
    mine, other = world.noticed(world.wang, world.li)
    client = sign_in(world.wang.user)
    client.post(f"/me/hours/{mine.pk}/name/")
    assert Record.objects.get(pk=mine.pk).is_name_withheld
    client.post(f"/me/hours/{mine.pk}/name/", {"show": "1"})
    assert not Record.objects.get(pk=mine.pk).is_name_withheld
    with refusal_of_nothing():
        assert client.post(f"/me/hours/{other.pk}/name/").status_code == 404


# -- Notice ------------------------------------------------------------------------------------------------------------
def test_notice_page_is_public_and_keeps_what_is_private(world: World, client: Client) -> None:
    (record, _other) = world.noticed(world.wang, world.li)
    services.withhold_name(record=record, actor=world.wang.user)
    client.cookies["django_language"] = "en"
    for url in (f"/notice/{world.village.pk}/", f"/notice/{world.village.pk}/print/"):
        page = client.get(url)
        said = page.content.decode()
        assert page.status_code == 200
        assert "李大山" in said
        assert "王**" in said
        assert "王秀英" not in said
        for private in (world.wang.phone, world.li.phone, world.wang.volunteer_number):
            assert private not in said
    assert "Object</a>" not in client.get(f"/notice/{world.village.pk}/").content.decode()
    assert "Nothing is on notice" in text_of(client.get(f"/notice/{world.other.pk}/"))
    assert "Nothing is on notice" in text_of(client.get(f"/notice/{world.other.pk}/print/"))
    assert client.get("/notice/999999/").status_code == 404


def test_a_resident_objects_on_the_page(world: World, sign_in: Callable) -> None:
    (record,) = world.noticed(world.wang)
    client = sign_in(world.li.user)
    url = f"/notice/{world.village.pk}/{record.pk}/object/"
    assert url in client.get(f"/notice/{world.village.pk}/").content.decode()
    assert "王秀英" in text_of(client.get(url))
    with refusal_of_nothing():
        assert client.post(url, {"text": ""}).status_code == 422
    assert "Your objection is noted" in text_of(client.post(url, {"text": "下午才来"}, follow=True))
    made = Objection.objects.get()
    assert (made.resident, made.actor, made.text) == (world.li, world.li.user, "下午才来")
    with refusal_of_nothing():
        assert client.post(url, {"text": "再说一次"}).status_code == 409


# -- Everywhere --------------------------------------------------------------------------------------------------------
def _grown(world: World, kind: str, count: int) -> str:
    """Make ``count`` rows for a page and return its address."""
    if kind in {"activities", "lead"}:
        for number in range(count):
            world.activity(title=f"活动{number}", starts_at=at(20, 8), ends_at=at(20, 9))
        return "/activities/?when=all" if kind == "activities" else "/lead/"
    if kind == "hours":
        for number in range(count):
            world.attended(
                world.wang,
                starts_at=at(1 + number // 8, number % 8 * 2),
                ends_at=at(1 + number // 8, number % 8 * 2 + 1),
                minutes=30,
                now=at(1, 0),
            )
        return "/me/hours/"
    people = [world.resident() for _ in range(count)]
    if kind == "notice":
        world.noticed(*people, capacity=50)
        return f"/notice/{world.village.pk}/"
    activity = world.activity(capacity=50)
    for person in people:
        services.check_in(activity=activity, resident=person, actor=world.leader, now=at(20, 8))
    if kind == "summary":
        services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    return f"/lead/{activity.pk}/"


@pytest.mark.parametrize(
    ("kind", "who", "most"),
    [
        ("activities", "wang", 16),
        ("hours", "wang", 16),
        ("lead", "leader", 14),
        ("attendance", "leader", 18),
        ("summary", "leader", 18),
        ("notice", "li", 16),
    ],
)
def test_statements_are_as_many_for_thirty_rows_as_for_one(
    world: World, sign_in: Callable, kind: str, who: str, most: int
) -> None:
    user = world.leader if who == "leader" else getattr(world, who).user
    with time_machine.travel(at(20, 8, 30) if kind != "notice" else at(21), tick=False):
        client = sign_in(user)
        counts = []
        for rows in (1, 29):
            url = _grown(world, kind, rows)
            client.get(url)
            with CaptureQueriesContext(connection) as seen:
                assert client.get(url).status_code == 200
            counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[1] <= most, "\n".join(one["sql"][:160] for one in seen.captured_queries)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_keeps_the_house_rules(world: World, sign_in: Callable, language: str) -> None:
    (record,) = world.credited(world.wang)
    (noticed,) = world.noticed(world.li, starts_at=at(22, 8), ends_at=at(22, 12))
    urls = {
        world.wang.user: ["/activities/", "/me/hours/", f"/me/hours/{record.pk}/"],
        world.leader: ["/lead/", "/lead/new/", f"/lead/{record.activity_id}/", f"/lead/{record.activity_id}/enter/"],
        None: [f"/notice/{world.village.pk}/", f"/notice/{world.village.pk}/print/"],
    }
    activity = world.activity(starts_at=at(25, 8), ends_at=at(25, 12))
    urls[world.wang.user] += [
        activity.get_absolute_url(),
        f"/notice/{world.village.pk}/{noticed.pk}/object/",
        f"/in/{services.attendance_token(activity, at(25, 8))}/",
    ]
    urls[world.leader] += [f"/lead/{activity.pk}/{part}" for part in ("", "close/", "cancel/")]
    with time_machine.travel(at(25, 8), tick=False):
        for user, pages in urls.items():
            client = Client()
            client.cookies["django_language"] = language
            if user is not None:
                client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
            for url in pages:
                page = client.get(url)
                source = page.content.decode()
                assert page.status_code == 200, url
                assert source.count("<h1") == 1, url
                assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\bsrc=)", source), url
                assert not re.search(r'(?:src|href|action)="https?://', source), url
                assert "%(" not in source, url
                if language == "zh-hans":
                    assert not re.search(r">\s*(Sign up|Check in|Withdraw|Records?|Open)\s*<", source), url


def test_every_address_of_this_room_has_one_name(world: World) -> None:
    from timebank.service.urls import urlpatterns

    names = [one.name for one in urlpatterns if one.name]
    assert len(names) == len(set(names)) == 21
    with translation.override("en"):
        assert reverse("service:attend", args=["A-1"]) == "/in/A-1/"
    assert dt.timedelta(seconds=tokens.PASS_SECONDS) < dt.timedelta(minutes=11)
