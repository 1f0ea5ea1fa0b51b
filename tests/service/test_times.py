"""Toggles and automatic moves know what time it is: cards, waiting lists, far days, entered hours."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.factories.service import World, at, refusal
from timebank.common.models import Event
from timebank.registry.models import Region
from timebank.service import errors, services
from timebank.service.forms import ActivityForm
from timebank.service.models import Attendance, Record, SignUp, Team


def test_a_card_read_twice_is_one_reading(world: World) -> None:
    activity = world.activity()
    known = {"activity": activity, "resident": world.wang, "actor": world.leader}
    assert services.read_card(**known, now=at(20, 8))[1] == "in"
    for later in (dt.timedelta(seconds=1), dt.timedelta(minutes=2, seconds=59)):
        seen, done = services.read_card(**known, now=at(20, 8) + later)
        assert (seen.checked_out_at, done) == (None, "")
    assert services.read_card(**known, now=at(20, 12))[1] == "out"
    assert services.read_card(**known, now=at(20, 12))[1] == ""
    with refusal(errors.NotTheLeader):
        services.read_card(**{**known, "actor": world.li.user}, now=at(20, 12))


def test_nobody_is_promoted_once_it_has_begun_and_who_is_gets_told(world: World) -> None:
    activity = world.activity(capacity=1)
    third = world.resident()
    for person in (world.wang, world.li, third):
        services.sign_up(activity=activity, resident=person, actor=person.user, now=at(16))
    services.withdraw(activity=activity, resident=world.wang, actor=world.wang.user, now=at(19))
    assert SignUp.objects.get(resident=world.li).state == "going"
    event = Event.objects.get(kind="place_freed")
    assert event.recipients == [f"resident:{world.li.pk}"]
    services.withdraw(activity=activity, resident=world.li, actor=world.li.user, now=at(20, 11, 55))
    assert SignUp.objects.get(resident=third).state == "waiting"
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    assert SignUp.objects.get(resident=third).state == "withdrawn"  # never told, never a no-show


def test_two_long_duties_of_one_day_say_why(world: World) -> None:
    day = world.activity(starts_at=at(20, 8), ends_at=at(20, 16))
    watch = world.activity(starts_at=at(20, 20), ends_at=at(21, 6))
    for activity, came, left in ((day, at(20, 8), at(20, 16)), (watch, at(20, 20), at(21, 6))):
        services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=came)
        services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=left)
        services.close_activity(activity=activity, actor=world.leader, now=left)
    assert Record.objects.get().minutes == 480
    assert Attendance.objects.get(activity=watch).problem == "day_full"


def test_an_activity_lies_within_two_years_and_ends_after_it_starts(world: World) -> None:
    for year in (9999, 2029, 1999):
        with refusal(errors.BadTime):
            world.activity(starts_at=at(1, 8, year=year), ends_at=at(1, 9, year=year))
    form = ActivityForm(
        {"day": f"{timezone.localdate():%Y-%m-%d}", "starts": "08:00", "ends": "08:00"},
        teams=Team.objects.all(),
        villages=Region.objects.none(),
        kinds=[],
    )
    assert not form.is_valid()
    assert list(form.errors.get("ends", ())) != []


def test_entered_hours_of_an_activity_get_the_checks_of_a_check_in(world: World) -> None:
    activity = world.activity(min_age=18)
    child = world.resident("童", birth_date=dt.date(2015, 1, 1))
    far = world.resident("远", village=world.far, birth_date=dt.date(1980, 1, 1))
    grown = world.resident("成", birth_date=dt.date(1980, 1, 1))
    known = {"category": "clean", "served_on": at(20).date(), "minutes": 120, "actor": world.leader}
    for person, why in ((child, errors.TooYoung), (far, errors.NotForYou)):
        with refusal(why):
            services.enter_record(resident=person, activity=activity, now=at(21), **known)
    with refusal(errors.NotOverYet):
        services.enter_record(resident=grown, activity=activity, now=at(20, 8), **known)
    assert services.enter_record(resident=grown, activity=activity, now=at(21), **known).minutes == 120


@pytest.mark.parametrize("path", ["/notice/{}/", "/notice/{}/print/"])
def test_the_open_net_sees_masked_names_on_the_notice(world: World, client, path: str) -> None:
    world.published(world.wang)
    url = path.format(world.village.pk)
    answer = client.get(url)
    page = answer.content.decode()
    assert answer["X-Robots-Tag"] == "noindex"
    assert "王秀英" not in page
    assert f"王** ··{world.wang.volunteer_number[-2:]}" in page
    outsider = world.resident("外", village=world.other)
    client.force_login(outsider.user)
    assert "王秀英" not in client.get(url).content.decode()
    client.force_login(world.li.user)
    assert "王秀英" in client.get(url).content.decode()
    client.force_login(world.admin)
    assert "王秀英" in client.get(url).content.decode()
