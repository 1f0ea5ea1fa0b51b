"""Places, the waiting list, overlaps."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from tests.factories.service import World, at, refusal
from timebank.registry import services as registry
from timebank.registry.errors import ResidentClosed
from timebank.registry.models import Proxy, Resident
from timebank.service import errors, selectors, services
from timebank.service.models import Activity, SignUp


def test_places_go_in_order_and_the_line_moves_up(world: World) -> None:
    activity = world.activity(capacity=1)
    people = [world.resident() for _ in range(3)]
    mine = [
        services.sign_up(activity=activity, resident=one, actor=one.user, now=at(16, 8, minute))
        for minute, one in enumerate(people)
    ]
    assert [one.state for one in mine] == ["going", "waiting", "waiting"]
    assert [one.resident for one in selectors.sign_ups_of(people[1], now=at(17))] == [people[1]]

    services.withdraw(activity=activity, resident=people[0], actor=people[0].user, now=at(17))
    states = dict(SignUp.objects.values_list("resident", "state"))
    assert [states[one.pk] for one in people] == ["withdrawn", "going", "waiting"]
    activity.refresh_from_db()
    assert activity.taken == 1

    services.change_capacity(activity=activity, capacity=5, actor=world.leader, now=at(18))
    assert SignUp.objects.get(resident=people[2]).state == "going"
    with refusal(errors.BadCapacity):
        services.change_capacity(activity=activity, capacity=1, actor=world.leader)
    with refusal(errors.NotTheLeader):
        services.change_capacity(activity=activity, capacity=9, actor=people[0].user)


def test_leaving_the_line_frees_no_place(world: World) -> None:
    activity = world.activity(capacity=1)
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(16))
    services.withdraw(activity=activity, resident=world.li, actor=world.li.user, now=at(17))
    activity.refresh_from_db()
    assert activity.taken == 1
    again = services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(18))
    assert again.state == "waiting"
    assert SignUp.objects.filter(resident=world.li).count() == 2  # the withdrawn one is kept


def test_signing_up_twice_is_once(world: World) -> None:
    activity = world.activity()
    first = services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    second = services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(17))
    assert first == second
    activity.refresh_from_db()
    assert activity.taken == 1


@pytest.mark.parametrize(
    ("_case", "starts", "ends", "clashes"),
    [
        ("inside", at(20, 9), at(20, 10), True),
        ("around", at(20, 7), at(20, 13), True),
        ("tail", at(20, 11, 59), at(20, 13), True),
        ("right after", at(20, 12), at(20, 13), False),
        ("right before", at(20, 7), at(20, 8), False),
    ],
)
def test_two_activities_at_one_time_are_refused(
    world: World, _case: str, starts: dt.datetime, ends: dt.datetime, clashes: bool
) -> None:
    services.sign_up(activity=world.activity(), resident=world.wang, actor=world.wang.user, now=at(16))
    other = world.activity(title="别的", starts_at=starts, ends_at=ends)
    if clashes:
        with refusal(errors.OverlappingSignUp):
            services.sign_up(activity=other, resident=world.wang, actor=world.wang.user, now=at(16))
    else:
        assert services.sign_up(activity=other, resident=world.wang, actor=world.wang.user, now=at(16)).state == "going"


def test_sign_up_refuses_who_does_not_belong(world: World) -> None:
    activity = world.activity(min_age=18)
    with refusal(errors.TooYoung):  # no birth date is known
        services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    child = world.resident(birth_date=dt.date(2008, 9, 21))
    with refusal(errors.TooYoung):
        services.sign_up(activity=activity, resident=child, actor=child.user, now=at(16))
    grown = world.resident(birth_date=dt.date(2008, 9, 20))
    assert services.sign_up(activity=activity, resident=grown, actor=grown.user, now=at(16)).state == "going"
    far = world.resident(village=world.far, birth_date=dt.date(1980, 1, 1))
    with refusal(errors.NotForYou):
        services.sign_up(activity=activity, resident=far, actor=far.user, now=at(16))
    with refusal(errors.NotYours):
        services.sign_up(activity=activity, resident=grown, actor=world.li.user, now=at(16))
    with refusal(errors.ActivityOver):
        services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(20, 12))
    open_to_all = world.activity()
    Resident.objects.filter(pk=world.li.pk).update(status="closed", closed_at=at(1))
    with refusal(ResidentClosed):
        services.sign_up(activity=open_to_all, resident=world.li, actor=world.li.user, now=at(16))


def test_helpers_and_proven_sessions_act_for_a_resident(world: World) -> None:
    elder = world.resident("老人", phone=False)
    activity = world.activity()
    with refusal(errors.NotYours):
        services.sign_up(activity=activity, resident=elder, actor=world.li.user, now=at(16))
    by_card = services.sign_up(activity=activity, resident=elder, actor=world.li.user, on_behalf_of=elder, now=at(16))
    assert (by_card.resident, by_card.actor) == (elder, world.li.user)
    services.withdraw(activity=activity, resident=elder, actor=world.leader, now=at(16))
    registry.add_proxy(resident=elder, helper=world.li.user, relation=Proxy.Relation.KIN, actor=None)
    assert services.sign_up(activity=activity, resident=elder, actor=world.li.user, now=at(17)).state == "going"


def test_withdraw_refuses_strangers_and_those_already_here(world: World) -> None:
    activity = world.activity()
    with refusal(errors.NotSignedUp):
        services.withdraw(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    with refusal(errors.NotYours):
        services.withdraw(activity=activity, resident=world.wang, actor=world.li.user, now=at(16))
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 8))
    with refusal(errors.AlreadyCheckedIn):
        services.withdraw(activity=activity, resident=world.wang, actor=world.wang.user, now=at(20, 9))


def test_nobody_signs_up_again_for_what_is_over(world: World) -> None:
    world.attended(world.wang)
    activity = Activity.objects.get()
    with refusal(errors.ActivityNotOpen):
        services.sign_up(activity=activity, resident=world.li, actor=world.li.user, now=at(20, 13))


def test_the_database_itself_refuses_one_too_many(world: World) -> None:
    activity = world.activity(capacity=1)
    services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    with pytest.raises(IntegrityError, match="activity_not_overbooked|CHECK"), transaction.atomic():
        Activity.objects.update(taken=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        SignUp.objects.create(activity=activity, resident=world.wang, state="waiting")
