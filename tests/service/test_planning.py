"""Before an activity takes place: weekly series, changes, for whom it is, what it earns, the day before, lapsing."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import Http404
from django.test import Client
from icalendar import Calendar

from tests.factories.service import World, at, refusal
from timebank.common.models import Event
from timebank.ledger import selectors as ledger_read
from timebank.registry import services as registry
from timebank.registry.models import AuditEntry, User
from timebank.service import errors, rules, selectors, services
from timebank.service.models import Activity, LapseWarning, SignUp
from timebank.service.selectors.activities import walk_ins
from timebank.service.selectors.expected import expected
from timebank.service.services.lapsing import FORGET, WARN
from timebank.service.services.planning import REMIND


def series(world: World, weeks: int = 4, **changes: object) -> list[Activity]:
    given = {
        "team": world.team, "title": "清洁村庄", "category": "clean", "place": "村委会门口", "starts_at": at(20, 8),
        "ends_at": at(20, 12), "capacity": 2, "actor": world.leader, "now": at(15), "weeks": weeks,
    }  # fmt: skip
    return services.open_series(**{**given, **changes})  # type: ignore[arg-type]


def told(kind: str) -> list[Event]:
    return list(Event.objects.filter(kind=kind).order_by("pk"))


def again(activity: Activity, **changes: object) -> dict[str, object]:
    """Return what an activity says, with changes."""
    activity.refresh_from_db()
    names = ("title", "place", "starts_at", "ends_at", "details", "min_age", "audience")
    return {
        "activity": activity,
        "category": activity.category_id,
        **{n: getattr(activity, n) for n in names},
    } | changes


def test_one_sign_up_takes_a_place_every_week_and_names_the_dates_it_could_not_have(world: World) -> None:
    rows = series(world)
    assert [row.starts_at.astimezone(at(20).tzinfo) for row in rows] == [
        at(20),
        at(27),
        at(4, month=10),
        at(11, month=10),
    ]
    busy = world.activity(title="别的", starts_at=at(27, 9), ends_at=at(27, 10))
    services.sign_up(activity=busy, resident=world.wang, actor=world.wang.user, now=at(16))
    for person in (world.resident(), world.resident()):  # the third week is full
        services.sign_up(activity=rows[2], resident=person, actor=person.user, now=at(16))
    act = {"activity": rows[0], "resident": world.wang, "actor": world.wang.user, "now": at(17)}
    report = services.sign_up_for_series(**act)  # type: ignore[arg-type]
    assert (report.going, report.waiting) == ([rows[0], rows[3]], [rows[2]])
    assert [(row, type(error)) for row, error in report.refused] == [(rows[1], errors.OverlappingSignUp)]
    assert services.sign_up_for_series(**act).going == [rows[0], rows[3]]  # type: ignore[arg-type]
    given = services.withdraw_from_series(**{**act, "activity": rows[2]})  # type: ignore[arg-type]
    assert [item.activity for item in given] == [rows[2], rows[3]]
    assert SignUp.objects.get(activity=rows[0], resident=world.wang).state == "going"
    with refusal(errors.NotYours):
        services.sign_up_for_series(**{**act, "actor": world.stranger})  # type: ignore[arg-type]
    with refusal(errors.BadWeeks):
        series(world, weeks=27)


def test_a_change_is_told_once_to_whom_it_concerns_and_moves_the_later_weeks_by_as_much(world: World) -> None:
    rows = series(world, weeks=3)
    gone = world.resident()
    for person in (world.wang, gone):
        services.sign_up_for_series(activity=rows[0], resident=person, actor=person.user, now=at(16))
    services.sign_up(activity=rows[2], resident=world.li, actor=world.li.user, now=at(16))  # waits there alone
    services.withdraw_from_series(activity=rows[0], resident=gone, actor=gone.user, now=at(16))
    moved = again(rows[0], starts_at=at(21, 9), ends_at=at(21, 11), place="广场", following=True)
    services.change_activity(**moved, actor=world.leader, now=at(17))  # type: ignore[arg-type]
    rows = list(Activity.objects.order_by("pk"))
    assert [row.starts_at for row in rows] == [at(21, 9), at(28, 9), at(5, 9, month=10)]
    assert {(row.place, row.planned_minutes) for row in rows} == {("广场", 120)}
    (event,) = told("series_changed")
    assert set(event.recipients) == {f"resident:{world.wang.pk}", f"resident:{world.li.pk}"}
    assert event.facts["each"][f"resident:{world.li.pk}"]["subject"] == f"activity:{rows[2].pk}"
    services.change_activity(**again(rows[1]), actor=world.leader, now=at(17))  # type: ignore[arg-type]
    services.change_activity(**again(rows[1], place="晒场"), actor=world.leader, now=at(17))  # type: ignore[arg-type]
    assert [event.subject for event in told("activity_changed")] == [f"activity:{rows[1].pk}"]
    for changes, error in (
        ({"actor": world.stranger}, errors.NotTheLeader),
        ({"category": "farm"}, errors.KindIsFixed),
        ({"ends_at": at(21, 8)}, errors.BadTime),
        ({"starts_at": at(1, 8), "ends_at": at(1, 9)}, errors.ActivityOver),
    ):
        with refusal(error):
            services.change_activity(**{"actor": world.leader, "now": at(17), **again(rows[0], **changes)})  # type: ignore[arg-type]
    services.check_in(activity=rows[0], resident=world.wang, actor=world.leader, now=at(21, 9))
    with refusal(errors.AlreadyCheckedIn):
        late = again(rows[0], ends_at=at(21, 12))
        services.change_activity(**late, actor=world.leader, now=at(21, 9))  # type: ignore[arg-type]


def test_what_nobody_is_told_of_is_written_down_all_the_same(world: World) -> None:
    activity = world.activity()
    services.change_activity(**again(activity, min_age=18), actor=world.leader, now=at(16))  # type: ignore[arg-type]
    assert told("activity_changed") == []
    entry = AuditEntry.objects.get(action="change_activity")
    assert (entry.actor, entry.subject) == (world.leader, f"activity:{activity.pk}")


def test_a_cancelled_series_is_told_once_and_the_leader_keeps_the_lists(world: World) -> None:
    rows = series(world, weeks=3)
    services.sign_up_for_series(activity=rows[0], resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=rows[2], resident=world.li, actor=world.li.user, now=at(16))
    call_off = {"activity": rows[1], "actor": world.leader, "reason": "农忙", "following": True, "now": at(17)}
    services.cancel_activity(**call_off)  # type: ignore[arg-type]
    (event,) = told("series_cancelled")
    assert set(event.recipients) == {f"resident:{world.wang.pk}", f"resident:{world.li.pk}"}
    assert [row.status for row in Activity.objects.order_by("pk")] == ["open", "cancelled", "cancelled"]
    names = [row.resident for row in selectors.attendance_rows(rows[2])]
    assert names == sorted([world.wang, world.li], key=lambda item: item.name)
    assert SignUp.objects.get(activity=rows[0]).state == "going"
    client = Client()
    client.force_login(world.leader, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    page = client.get(f"/lead/{rows[2].pk}/").content.decode()
    assert world.li.name in page
    assert "农忙" in page


def test_for_whom_an_activity_is_decides_who_sees_it_and_who_may_join(world: World) -> None:
    visitor, neighbour = world.resident("外镇人", village=world.far), world.resident("邻村人", village=world.other)
    for audience, near, far in (
        ("village", False, False),
        ("town", True, False),
        ("county", True, True),
        ("anybody", True, True),
    ):
        row = world.activity(title=audience, audience=audience, starts_at=at(20, 8), ends_at=at(20, 9))
        assert rules.is_open_to(row, world.wang)
        for person, may in ((neighbour, near), (visitor, far)):
            assert rules.is_open_to(row, person) is may
            seen = set(selectors.activities_open_to(person, now=at(16), where="anywhere"))
            assert (row in seen) is may
            if not may:
                with refusal(errors.NotForYou):
                    services.sign_up(activity=row, resident=person, actor=person.user, now=at(16))
                with pytest.raises(Http404):
                    selectors.activity_for(person.user, row.pk)
    assert not selectors.activities_open_to(visitor, now=at(16)).exists()
    assert [row.title for row in selectors.activities_open_to(visitor, now=at(16), where="county")] == [
        "county",
        "anybody",
    ]


def test_a_visitor_sees_and_earns_what_the_scheme_of_their_own_village_gives(world: World) -> None:
    visitor = world.resident("外镇人", village=world.far)
    services.adopt_scheme(region=world.far, slug="hailin", since=dt.date(2026, 1, 1), actor=None)
    row = world.activity(audience="anybody")
    here, there = expected(row, world.wang), expected(row, visitor)
    assert here is not None
    assert there is not None
    assert (here.village, there.village) == (world.village, world.far)
    assert here.scheme != there.scheme
    records = world.attended(world.wang, visitor, audience="anybody", starts_at=at(20, 13), ends_at=at(20, 17))
    assert {record.resident: record.village for record in records} == {world.wang: world.village, visitor: world.far}
    for record in records:
        verifier = world.admin
        if record.resident == visitor:
            verifier = User.objects.create_user(name="外村管", email="far@shanji.example", password="a-long-password")
            registry.grant_role(user=verifier, role="village_admin", actor=None, region=world.far)
        services.verify_record(record=record, actor=verifier, now=record.entered_at)
        village = record.village
        services.publish_notice(village=village, actor=verifier, now=record.entered_at)
    services.credit_due(now=at(1, month=12))
    for record, promised in zip(records, (here, there), strict=True):
        record.refresh_from_db()
        assert record.state == "credited"
        assert record.points == promised.points


def test_the_page_says_what_it_earns_and_gives_telephone_and_calendar_only_to_who_has_a_place(world: World) -> None:
    User.objects.filter(pk=world.leader.pk).update(phone="13912345678")
    now = dt.datetime.now(tz=dt.UTC).replace(microsecond=0) + dt.timedelta(days=3)
    rows = series(world, weeks=2, starts_at=now, ends_at=now + dt.timedelta(hours=4), now=None)
    client = Client(headers={"accept-language": "en"})
    client.force_login(world.wang.user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    address = f"/activities/{rows[0].pk}/"
    before = client.get(address).content.decode()
    assert "What it earns" in before
    assert "13912345678" not in before
    assert client.get(address + "calendar.ics").status_code == 404
    client.post(address + "sign-up/", {"series": "1"})
    assert "13912345678" in client.get(address).content.decode()
    events = Calendar.from_ical(client.get(address + "calendar.ics").content).walk("VEVENT")
    assert [event["dtstart"].dt for event in events] == [row.starts_at for row in rows]
    assert all("13912345678" in event["description"] for event in events)


def test_the_day_before_whoever_has_a_place_is_reminded_once(world: World) -> None:
    row = world.activity(capacity=1)
    services.sign_up(activity=row, resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=row, resident=world.li, actor=world.li.user, now=at(16))  # waits
    assert not list(REMIND.due(at(19, 7)))
    for now in (at(19, 9), at(19, 9)):
        for pk in list(REMIND.due(now)) or [row.pk]:
            REMIND.handle(pk, now)
    (event,) = told("activity_soon")
    assert event.recipients == [f"resident:{world.wang.pk}"]
    services.change_activity(**again(row, starts_at=at(22), ends_at=at(22, 9)), actor=world.leader, now=at(19, 10))  # type: ignore[arg-type]
    assert list(REMIND.due(at(21, 9))) == [row.pk]


def test_who_comes_without_a_card_is_found_by_the_whole_name(world: World) -> None:
    row = world.activity(audience="village")
    twin, elsewhere = world.resident(world.wang.name), world.resident(world.wang.name, village=world.other)
    assert walk_ins(row, world.wang.name) == [world.wang, twin]
    assert walk_ins(row, world.wang.name[:1]) == []
    row.audience = "town"
    assert walk_ins(row, world.wang.name) == [world.wang, twin, elsewhere]
    start = dt.datetime.now(tz=dt.UTC)
    now = world.activity(starts_at=start, ends_at=start + dt.timedelta(hours=2), now=None, audience="village")
    client = Client()
    client.force_login(world.leader, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    sent = {"name": world.wang.name, "resident": twin.pk}
    assert client.post(f"/lead/{now.pk}/name/", {**sent, "resident": elsewhere.pk}).status_code == 404
    assert client.post(f"/lead/{now.pk}/name/", sent).status_code == 302
    assert [item.resident for item in now.attendances.all()] == [twin]


def test_points_that_end_are_told_of_at_each_step_once(world: World) -> None:
    world.credited(world.wang, category="elder")
    lots = ledger_read.lots_of(world.wang.wallet_key)
    assert lots, "the scheme gives points that end, else this test shows nothing"
    day = lots[0].expires_on
    assert day is not None
    steps = []
    for before in (61, 60, 45, 30, 30, 8, 7, 1, 0):
        now = dt.datetime.combine(day - dt.timedelta(days=before), dt.time(9), tzinfo=at(1).tzinfo)
        people = list(WARN.due(now))
        assert people in ([], [world.wang.pk])
        WARN.handle_batch([world.wang.pk, world.li.pk], now)  # type: ignore[misc]
        steps.append((before, len(people)))
    assert steps == [(61, 0), (60, 1), (45, 0), (30, 1), (30, 0), (8, 0), (7, 1), (1, 0), (0, 0)]
    events = told("points_lapsing")
    assert [event.facts["days"] for event in events] == [60, 30, 7]
    assert events[0].facts["each"][f"resident:{world.wang.pk}"]["points"] == sum(lot.remaining for lot in lots)
    later = dt.datetime.combine(day + dt.timedelta(days=400), dt.time(9), tzinfo=at(1).tzinfo)
    FORGET.handle_batch(list(FORGET.due(later)), later)  # type: ignore[misc]
    assert not LapseWarning.objects.exists()
