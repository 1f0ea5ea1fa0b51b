"""Teams and activities: who opens, who sees, who calls off."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from tests.factories.service import World, at, refusal
from timebank.common.errors import ReasonMissing
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed
from timebank.registry.models import AuditEntry
from timebank.service import errors, selectors, services
from timebank.service.models import Activity, SchemeAdoption, SignUp, Team


def test_create_team_needs_the_right_in_that_region(world: World) -> None:
    team = services.create_team(
        region=world.village, name=" 助老队 ", leader=world.leader, actor=world.admin, now=at(2)
    )
    assert (team.name, team.leader, team.created_by, team.created_at) == ("助老队", world.leader, world.admin, at(2))
    assert AuditEntry.objects.filter(action="create_team", subject=f"team:{team.pk}", actor=world.admin).exists()
    with refusal(NotAllowed):
        services.create_team(region=world.village, name="外村队", leader=world.stranger, actor=world.stranger)


def test_team_name_stands_once_in_a_region(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        services.create_team(region=world.village, name=world.team.name, leader=world.leader, actor=world.admin)
    assert Team.objects.count() == 1


def test_adopting_a_scheme_twice_is_once(world: World) -> None:
    day = dt.date(2026, 10, 1)
    first = services.adopt_scheme(
        region=world.village, slug="wendeng-rural", since=day, actor=world.admin, notice_days=0, now=at(1)
    )
    again = services.adopt_scheme(region=world.village, slug="wendeng-rural", since=day, actor=world.admin, now=at(2))
    assert first == again
    assert SchemeAdoption.objects.count() == 2  # the county's, and this one
    with refusal(NotAllowed):
        services.adopt_scheme(region=world.village, slug="wendeng-rural", since=at(1).date(), actor=world.leader)
    for day, slug, error in (
        (dt.date(2026, 8, 31), "wendeng-rural", errors.AdoptedTooLate),
        (dt.date(2026, 10, 1), "hailin", errors.AdoptedAlready),
    ):
        with refusal(error):
            services.adopt_scheme(region=world.village, slug=slug, since=day, actor=world.admin, now=at(1))


@pytest.mark.parametrize(
    ("_case", "changes", "error", "field"),
    [
        ("end before start", {"ends_at": at(20, 7)}, errors.BadTime, "ends_at"),
        ("no time at all", {"ends_at": at(20, 8)}, errors.BadTime, "ends_at"),
        ("longer than a day", {"ends_at": at(21, 9)}, errors.BadTime, "ends_at"),
        ("no place", {"capacity": 0}, errors.BadCapacity, "capacity"),
    ],
)
def test_open_activity_refuses(world: World, _case: str, changes: dict, error: type, field: str) -> None:
    with refusal(error):
        world.activity(**changes)


def test_open_activity_is_for_leaders_of_team_or_place(world: World) -> None:
    assert world.activity(actor=world.admin).opened_by == world.admin
    for actor in (world.stranger, world.verifier, world.wang.user):
        with refusal(errors.NotTheLeader):
            world.activity(actor=actor)
    with refusal(errors.NotTheLeader):
        world.activity(village=world.far)


def test_a_closed_team_opens_nothing(world: World) -> None:
    Team.objects.update(status=Team.Status.CLOSED)
    world.team.refresh_from_db()
    with refusal(errors.TeamClosed):
        world.activity()


def test_cancel_tells_why_and_frees_everybody(world: World) -> None:
    activity = world.activity()
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    with refusal(errors.NotTheLeader):
        services.cancel_activity(activity=activity, actor=world.wang.user, reason="下雨")
    with refusal(ReasonMissing):
        services.cancel_activity(activity=activity, actor=world.leader, reason="  ")
    done = services.cancel_activity(activity=activity, actor=world.leader, reason="下雨", now=at(19))
    assert (done.status, done.ended_at, done.ended_by, done.ended_reason, done.taken) == (
        "cancelled",
        at(19),
        world.leader,
        "下雨",
        0,
    )
    mine = SignUp.objects.get()
    assert (mine.state, mine.reason, mine.changed_by) == ("cancelled", "下雨", world.leader)
    with refusal(errors.ActivityNotOpen):
        services.cancel_activity(activity=activity, actor=world.leader, reason="又下雨")
    with refusal(errors.ActivityNotOpen):
        services.change_capacity(activity=activity, capacity=20, actor=world.leader)


def test_cancel_is_too_late_once_somebody_has_come(world: World) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    with refusal(errors.AlreadyCheckedIn):
        services.cancel_activity(activity=activity, actor=world.leader, reason="下雨")


def test_open_activities_are_those_of_the_village_or_the_whole_town(world: World) -> None:
    near = world.activity(title="本村")
    team = services.create_team(
        region=world.other, name="周家队", leader=world.stranger, actor=_leader(world, world.other)
    )
    beside = world.activity(title="邻村", team=team, actor=world.stranger)
    far_team = services.create_team(region=world.far, name="墩后队", leader=world.stranger, actor=world.stranger)
    world.activity(title="远村", team=far_team, actor=world.stranger)
    over = world.activity(title="过去", starts_at=at(10, 8), ends_at=at(10, 9), category="elder")
    assert list(selectors.activities_open_to(world.wang, now=at(16))) == [near]
    assert set(selectors.activities_open_to(world.wang, now=at(16), where="town")) == {near, beside}
    assert list(selectors.activities_open_to(world.wang, now=at(9), category="elder")) == [over]
    assert list(selectors.activities_open_to(world.wang, now=at(9), until=at(11))) == [over]
    with pytest.raises(Http404):
        selectors.activity_for(world.wang.user, Activity.objects.get(title="远村").pk)
    with pytest.raises(Http404):
        selectors.activity_for(world.wang.user, 0)
    assert selectors.activity_for(world.wang.user, beside.pk) == beside
    with pytest.raises(Http404):
        selectors.led_activity_for(world.wang.user, near.pk)
    assert selectors.led_activity_for(world.leader, near.pk) == near


def _leader(world: World, region: object) -> object:
    registry.grant_role(user=world.verifier, role="leader", actor=None, region=region)
    world.verifier.__dict__.pop("_live_grants", None)
    return world.verifier
