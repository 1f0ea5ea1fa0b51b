"""What a leader opens, taps, enters and closes."""

from __future__ import annotations

import re
from collections.abc import Callable

import time_machine

from tests.factories.service import World, at
from tests.service.pages.reading import refusal_of_nothing, text_of
from timebank.registry import services as registry
from timebank.service import services, tokens
from timebank.service.models import Activity, Attendance, Record, SignUp


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
    assert Attendance.objects.get().checked_out_at == at(20, 8, 10)
    client.post(url, {"resident": world.wang.pk, "what": "undo"})
    assert Attendance.objects.get().checked_out_at is None
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
    again = client.post(url, {"code": card.number}, follow=True)
    assert "already checked in" in text_of(again)
    Attendance.objects.update(checked_in_at=at(20, 8))  # the second reading is a later one
    assert "checked out" in text_of(client.post(url, {"code": f"https://shanji.example/c/{card.number}/"}, follow=True))
    assert "already checked out" in text_of(client.post(url, {"code": card.number}, follow=True))
    seen = Attendance.objects.get()
    assert (seen.resident, seen.check_in_method, seen.check_out_method) == (elder, "card", "card")
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
    assert "Nobody checked out: no time counts until you state it." in said
    state = f"/lead/{activity.pk}/state/{world.wang.pk}/"
    assert "At most 4 h" in text_of(client.get(state))
    assert client.post(state, {"minutes": "241", "reason": "一起收工"}).status_code == 422
    said = text_of(client.post(state, {"minutes": "210", "reason": "一起收工"}, follow=True))
    assert "Time in all 3 h 30 min" in said
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
        assert client.post(f"/lead/{activity.pk}/cancel/", {"reason": ""}).status_code == 422
        assert client.post(f"/lead/{activity.pk}/close/").status_code == 409
    client.post(f"/lead/{activity.pk}/cancel/", {"reason": "下大雨"})
    assert Activity.objects.get().status == "cancelled"
    assert "下大雨" in text_of(sign_in(world.wang.user).get(activity.get_absolute_url()))


@time_machine.travel(at(21), tick=False)
def test_leader_enters_hours_by_hand(world: World, sign_in: Callable) -> None:
    elder = world.resident("隋老太太", phone=False)
    client, activity = sign_in(world.leader), world.activity()
    url = f"/lead/{activity.pk}/enter/"
    assert 'value="240"' in client.get(url).content.decode()
    with refusal_of_nothing():
        assert client.post(url, {"code": elder.volunteer_number, "minutes": 60, "reason": ""}).status_code == 422
        assert client.post(url, {"code": elder.volunteer_number, "minutes": 300, "reason": "x"}).status_code == 409
        assert client.post(url, {"code": "NOBODY", "minutes": 60, "reason": "x"}).status_code == 422
    said = text_of(client.post(url, {"code": elder.volunteer_number, "minutes": 60, "reason": "手机没电"}, follow=True))
    assert "Entered for 隋老太太" in said
    record = Record.objects.get()
    assert (record.minutes, record.source, record.changes.get().reason) == (60, "entered", "手机没电")


@time_machine.travel(at(21), tick=False)
def test_whose_hours_were_entered_afterwards_stands_under_the_records_only(world: World, sign_in: Callable) -> None:
    """They stood under "No record for" and "Did not come", too."""
    client, activity = sign_in(world.leader), world.activity()
    forgot, away = world.resident("忘签退"), world.resident("没带卡")
    for person in (world.li, away):
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    for person in (world.wang, forgot):
        services.check_in(activity=activity, resident=person, actor=world.leader, now=at(20, 8))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 13))
    paper = {"activity": activity, "category": "", "served_on": None, "minutes": 60, "reason": "纸质单 12 号"}
    for person in (forgot, away):
        services.enter_record(resident=person, actor=world.admin, **paper)  # type: ignore[arg-type]
    page = client.get(f"/lead/{activity.pk}/")
    names = {key: [row.resident.name for row in page.context[key]] for key in ("problems", "absent")}
    assert names == {"problems": ["王秀英"], "absent": ["李大山"]}
    assert {record.resident.name for record in page.context["records"]} == {"忘签退", "没带卡"}
