"""Codes that age, coming and leaving, and closing into records."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import override_settings

from tests.factories.service import World, at, refusal
from timebank.common.errors import ReasonMissing
from timebank.common.tasks import task_sweep
from timebank.registry import services as registry
from timebank.service import errors, services, tokens
from timebank.service.models import Activity, Attendance, Record, SignUp


@pytest.mark.parametrize(("age", "good"), [(0, True), (30, True), (31, False), (3600, False), (-1, False)])
def test_code_is_worth_half_a_minute(world: World, age: int, good: bool) -> None:
    activity = world.activity()
    token = services.attendance_token(activity, at(20, 8))
    seen = at(20, 8) + dt.timedelta(seconds=age)
    if good:
        assert tokens.read(token, seen) == activity.pk
    else:
        with pytest.raises(errors.TokenExpired):
            tokens.read(token, seen)


def test_code_cannot_be_forged_or_stretched(world: World) -> None:
    activity = world.activity()
    token = services.attendance_token(activity, at(20, 8))
    kind, pk, moment, shown_by, signature = token.split("-")
    for forged in (
        f"{kind}-ZZ-{moment}-{shown_by}-{signature}",
        "-".join((kind, pk, tokens._base36(int(moment, 36) + 600), shown_by, signature)),
        f"{kind}-{pk}-{moment}-7-{signature}",  # nobody else showed it
        f"{tokens.PASS}-{pk}-{moment}-{shown_by}-{signature}",  # a code of 30 s is no pass of 10 min
        token[:-1],
        "",
        "A-1",
        "../../etc",
    ):
        with pytest.raises(errors.TokenInvalid):
            tokens.read(forged, at(20, 8))
    assert tokens.read(token.lower(), at(20, 8)) == activity.pk
    with override_settings(SECRET_KEY="another"), pytest.raises(errors.TokenInvalid):
        tokens.read(token, at(20, 8))


def test_an_expired_code_checks_nobody_in(world: World) -> None:
    token = services.attendance_token(world.activity(), at(20, 8))
    with refusal(errors.TokenExpired):
        services.check_in(token=token, resident=world.wang, actor=world.wang.user, now=at(20, 8, 1))


def test_check_in_twice_is_once(world: World) -> None:
    activity = world.activity()
    first = services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    token = services.attendance_token(activity, at(20, 9))
    second = services.check_in(token=token, resident=world.wang, actor=world.wang.user, now=at(20, 9))
    assert (first, second.checked_in_at) == (second, at(20, 8))
    out = services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 10))
    again = services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 11))
    assert (out.checked_out_at, again.checked_out_at) == (at(20, 10), at(20, 10))


def test_a_walk_in_takes_a_place_if_there_is_one(world: World) -> None:
    activity = world.activity(capacity=1)
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    assert SignUp.objects.get().state == "going"
    with refusal(errors.ActivityFull):
        services.check_in(activity=activity, resident=world.li, actor=world.leader, now=at(20, 8))


def test_a_waiting_person_who_came_takes_a_free_place(world: World) -> None:
    activity = world.activity(capacity=1)
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(16))
    with refusal(errors.ActivityFull):
        services.check_in(activity=activity, resident=world.li, actor=world.leader, now=at(20, 8))
    Activity.objects.filter(pk=activity.pk).update(capacity=2)
    services.check_in(activity=activity, resident=world.li, actor=world.leader, now=at(20, 8))
    assert SignUp.objects.get(resident=world.li).state == "going"


def test_check_in_has_its_time_and_its_people(world: World) -> None:
    activity = world.activity()
    with refusal(errors.TooEarly):
        services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 6, 59))
    with refusal(errors.ActivityOver):
        services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    with refusal(errors.NotTheLeader):
        services.check_in(activity=activity, resident=world.wang, actor=world.wang.user, now=at(20, 8))
    with refusal(errors.NotCheckedIn):
        services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 9))
    with refusal(errors.TokenInvalid):
        services.check_in(resident=world.wang, actor=world.leader, now=at(20, 8))
    token = tokens.make(tokens.CODE, activity.pk + 99, at(20, 8))
    with refusal(errors.TokenInvalid):
        services.check_in(token=token, resident=world.wang, actor=world.wang.user, now=at(20, 8))
    token = services.attendance_token(activity, at(20, 8))
    with refusal(errors.NotYours):
        services.check_in(token=token, resident=world.wang, actor=world.li.user, now=at(20, 8))
    far = world.resident(village=world.far)
    with refusal(errors.NotForYou):
        services.check_in(token=token, resident=far, actor=far.user, now=at(20, 8))


def test_nobody_is_in_two_places(world: World) -> None:
    here, there = world.activity(title="这里"), world.activity(title="那里")
    services.check_in(activity=here, resident=world.wang, actor=world.leader, now=at(20, 8))
    with refusal(errors.CheckedInElsewhere):
        services.check_in(activity=there, resident=world.wang, actor=world.leader, now=at(20, 9))
    services.check_out(activity=here, resident=world.wang, actor=world.leader, now=at(20, 9))
    services.check_in(activity=there, resident=world.wang, actor=world.leader, now=at(20, 9))
    assert Attendance.objects.count() == 2


def test_a_mistaken_check_out_is_taken_back_by_the_leader(world: World) -> None:
    activity = world.activity()
    with refusal(errors.NotCheckedIn):
        services.undo_check_out(activity=activity, resident=world.wang, actor=world.leader)
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 9))
    with refusal(errors.NotTheLeader):
        services.undo_check_out(activity=activity, resident=world.wang, actor=world.wang.user)
    seen = services.undo_check_out(activity=activity, resident=world.wang, actor=world.leader)
    assert (seen.checked_out_at, seen.check_out_method, seen.checked_out_by) == (None, "", None)
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 13))
    with refusal(errors.ActivityNotOpen):
        services.undo_check_out(activity=activity, resident=world.wang, actor=world.leader)


def test_minutes_are_those_inside_the_planned_time(world: World) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 7, 30))
    services.check_in(activity=activity, resident=world.li, actor=world.leader, now=at(20, 9, 10))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 13))
    services.check_out(
        activity=activity, resident=world.li, actor=world.leader, now=at(20, 10) + dt.timedelta(seconds=59)
    )
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 13))
    kept = dict(Record.objects.values_list("resident", "minutes"))
    assert kept == {world.wang.pk: 240, world.li.pk: 50}


def test_a_forgotten_check_out_has_no_minutes_until_the_leader_states_them(world: World) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8, 30))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 18))
    seen = Attendance.objects.get()
    assert (seen.checked_out_at, seen.problem, seen.forgot_to_leave) == (None, "no_check_out", True)
    assert not Record.objects.exists()
    known = {"activity": activity, "resident": world.wang}
    with refusal(errors.NotTheLeader):
        services.state_time(**known, minutes=60, actor=world.wang.user, reason="记得", now=at(21))
    with refusal(ReasonMissing):
        services.state_time(**known, minutes=60, actor=world.leader, reason=" ", now=at(21))
    for minutes in (0, 211):  # never past the planned end
        with refusal(errors.BadMinutes):
            services.state_time(**known, minutes=minutes, actor=world.leader, reason="一起收的工具", now=at(21))
    record = services.state_time(**known, minutes=200, actor=world.leader, reason="一起收的工具", now=at(21))
    assert (record.minutes, record.is_flagged, record.entered_by) == (200, True, world.leader)
    assert (record.started_at, record.ended_at, record.state) == (at(20, 8, 30), at(20, 11, 50), "submitted")
    assert record.changes.get().reason == "一起收的工具"
    with refusal(errors.NothingToState):
        services.state_time(**known, minutes=200, actor=world.leader, reason="再来", now=at(21))
    registry.grant_role(user=world.leader, role="verifier", actor=None, region=world.village)
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.leader, now=at(21))
    assert services.verify_record(record=record, actor=world.admin, now=at(21)).state == "verified"


def test_closing_early_counts_to_the_close(world: World) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 10))
    record = Record.objects.get()
    assert (record.minutes, record.is_flagged, record.ended_at) == (120, False, at(20, 10))


def test_close_settles_everybody_and_only_once(world: World) -> None:
    activity = world.activity(capacity=3)
    late, absent, waiting = world.resident("迟"), world.resident("缺"), world.resident("等")
    for person in (world.wang, late, absent, waiting):
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    services.check_in(
        activity=activity,
        resident=late,
        actor=world.leader,
        now=at(
            20,
            11,
            59,
        ),
    )
    services.check_out(activity=activity, resident=late, actor=world.leader, now=at(20, 11, 59))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    with refusal(errors.NotTheLeader):
        services.close_activity(activity=activity, actor=world.wang.user, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    states = dict(SignUp.objects.values_list("resident__name", "state"))
    assert states == {"王秀英": "attended", "迟": "attended", "缺": "no_show", "等": "withdrawn"}
    assert Attendance.objects.get(resident=late).problem == "too_short"
    assert list(Record.objects.values_list("resident__name", "minutes", "state")) == [("王秀英", 240, "submitted")]

    before = list(Record.objects.values())
    again = services.close_activity(activity=activity, actor=world.leader, now=at(20, 14))
    assert (again.ended_at, list(Record.objects.values())) == (at(20, 12), before)


def test_close_refuses_what_has_not_begun_or_was_cancelled(world: World) -> None:
    activity = world.activity()
    with refusal(errors.TooEarly):
        services.close_activity(activity=activity, actor=world.leader, now=at(20, 7, 59))
    services.cancel_activity(activity=activity, actor=world.leader, reason="雨", now=at(19))
    with refusal(errors.ActivityNotOpen):
        services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))


def test_midnight_counts_to_the_day_on_which_service_began(world: World) -> None:
    activity = world.activity(starts_at=at(20, 22), ends_at=at(21, 2))
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 22))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(21, 1, 30))
    services.close_activity(activity=activity, actor=world.leader, now=at(21, 2))
    record = Record.objects.get()
    assert (record.minutes, record.served_on) == (210, dt.date(2026, 9, 20))


def test_the_day_is_the_villages_not_utc(world: World) -> None:
    activity = world.activity(starts_at=at(20, 6), ends_at=at(20, 7))  # 22:00 of the day before in UTC
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 6).astimezone(dt.UTC))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 7))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 7))
    assert Record.objects.get().served_on == dt.date(2026, 9, 20)


def test_overlap_with_a_hand_entry_makes_no_second_record(world: World) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    services.enter_record(
        resident=world.wang,
        category="elder",
        served_on=dt.date(2026, 9, 20),
        minutes=60,
        started_at=at(20, 9),
        actor=world.admin,
        now=at(20, 11),
    )
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    assert Record.objects.get().source == "entered"
    assert Attendance.objects.get().problem == "overlap"


def test_hours_of_the_activity_entered_by_hand_count_and_the_attendance_says_so(world: World) -> None:
    """It was a 500: the database refused a second record of one person and activity (K6)."""
    activity = world.activity()
    services.enter_record(
        resident=world.wang,
        activity=activity,
        category="",
        served_on=None,
        minutes=60,
        actor=world.admin,
        now=at(20, 9),
    )
    for person in (world.wang, world.li):
        services.check_in(activity=activity, resident=person, actor=world.leader, now=at(20, 10))
    services.check_out(activity=activity, resident=world.li, actor=world.leader, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    assert set(Record.objects.values_list("resident", "source", "minutes")) == {
        (world.wang.pk, "entered", 60),
        (world.li.pk, "attendance", 120),
    }
    assert Attendance.objects.get(resident=world.wang).problem == "entered"


def test_the_clock_closes_a_forgotten_activity_as_nobody(world: World) -> None:
    activity = world.activity()
    for person in (world.wang, world.li):
        services.check_in(activity=activity, resident=person, actor=world.leader, now=at(20, 8))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    assert services.close_overdue(now=at(20, 23, 59)) == []
    assert services.close_overdue(now=at(21, 0)) == [activity.pk]
    assert services.close_overdue(now=at(21, 0)) == []
    record = Record.objects.get()
    assert (record.resident, record.entered_by, record.minutes) == (world.wang, None, 240)
    assert record.changes.get().actor is None
    assert Attendance.objects.get(resident=world.li).problem == "no_check_out"


def test_the_task_closes_what_is_overdue(world: World) -> None:
    world.activity(starts_at=at(20, 8, year=2025), ends_at=at(20, 9, year=2025))
    for many in (1, 0):
        assert task_sweep.delay("close forgotten activities").get() == {"handled": many, "failed": 0}
