"""The second person."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.factories.service import World, at, refusal
from timebank.common.errors import ReasonMissing
from timebank.registry import services as registry
from timebank.registry.models import Proxy, Resident
from timebank.service import errors, rules, selectors, services
from timebank.service.models import Method, Record
from timebank.service.rules import VERIFY_RECORD


def _as_verifier(world: World, person: Resident) -> None:
    registry.grant_role(user=person.user, role="verifier", actor=None, region=world.village)


def test_verification_keeps_the_second_person(world: World) -> None:
    (record,) = world.attended(world.wang)
    done = services.verify_record(record=record, actor=world.verifier, now=at(21))
    assert (done.state, done.verified_by, done.verified_at) == ("verified", world.verifier, at(21))
    assert record.changes.last().actor == world.verifier


def test_nobody_verifies_their_own_hours(world: World) -> None:
    (record,) = world.attended(world.wang)
    _as_verifier(world, world.wang)
    with refusal(errors.OwnRecord):
        services.verify_record(record=record, actor=world.wang.user)
    assert record not in selectors.verify_queue(world.wang.user)


def test_nobody_verifies_their_household(world: World) -> None:
    wife = world.resident("妻", household_number="012")
    husband = world.resident("夫", household_number="012")
    (record,) = world.attended(wife)
    _as_verifier(world, husband)
    with refusal(errors.OwnHousehold):
        services.verify_record(record=record, actor=husband.user)
    assert record not in selectors.verify_queue(husband.user)


def test_nobody_verifies_what_they_entered_or_sent_in(world: World) -> None:
    registry.grant_role(user=world.leader, role="verifier", actor=None, region=world.village)
    world.leader.__dict__.pop("_live_grants", None)
    (record,) = world.attended(world.wang)
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.leader)
    assert record not in selectors.verify_queue(world.leader)
    services.return_record(record=record, actor=world.verifier, reason="再看")
    services.submit_record(record=record, actor=world.admin, reason="看过", now=at(21))
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.admin)


@pytest.mark.parametrize("method", [Method.LIST, Method.CARD])
def test_who_took_the_attendance_by_hand_does_not_verify(world: World, method: str) -> None:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.admin, method=method, now=at(20, 8))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    record = Record.objects.get()
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.admin)
    assert list(selectors.verify_queue(world.admin)) == []
    assert list(selectors.verify_queue(world.verifier)) == [record]


def test_who_helps_somebody_does_not_verify_their_hours_whatever_the_relation(world: World) -> None:
    (record,) = world.attended(world.wang)
    kin, staff = world.resident("侄"), world.resident("办")
    registry.add_proxy(resident=world.wang, helper=kin.user, relation=Proxy.Relation.KIN, actor=None)
    registry.add_proxy(resident=world.wang, helper=staff.user, relation=Proxy.Relation.VILLAGE, actor=None)
    for person in (kin, staff):
        _as_verifier(world, person)
        with refusal(errors.OwnClient):
            services.verify_record(record=record, actor=person.user)
        assert record not in selectors.verify_queue(person.user)
    assert services.verify_record(record=record, actor=world.verifier).state == "verified"


def test_the_queue_holds_exactly_what_may_be_verified(world: World) -> None:
    mother = world.resident("母", household_number="007")
    son = world.resident("子", household_number="007")
    _as_verifier(world, son)
    world.attended(world.wang, world.li, mother, son)
    services.enter_record(
        resident=world.li, category="farm", served_on=at(19).date(), minutes=30, actor=world.admin, now=at(21)
    )
    for actor in (world.admin, world.verifier, son.user, world.stranger, world.leader):
        may = {
            record
            for record in Record.objects.all()
            if rules.registry_rules.can(actor, VERIFY_RECORD, region=record.village)
            and rules.refusal_to_verify(actor, record) is None
        }
        assert set(selectors.verify_queue(actor)) == may
    assert selectors.verify_queue(world.verifier).first().source == "entered"  # the weakest evidence on top
    assert not selectors.verify_queue(world.verifier, village=world.other).exists()


def test_the_verifier_only_lowers_minutes_and_says_why(world: World) -> None:
    (record,) = world.attended(world.wang)
    with refusal(errors.BadMinutes):
        services.verify_record(record=record, actor=world.admin, minutes=241, reason="多")
    with refusal(errors.BadMinutes):
        services.verify_record(record=record, actor=world.admin, minutes=0, reason="少")
    with refusal(ReasonMissing):
        services.verify_record(record=record, actor=world.admin, minutes=200)
    done = services.verify_record(record=record, actor=world.admin, minutes=200, reason="早退")
    assert (done.minutes, done.ended_at) == (200, at(20, 11, 20))
    change = record.changes.last()
    assert (change.code, change.minutes, change.reason) == ("corrected_minutes", 200, "早退")


def test_returning_needs_a_reason(world: World) -> None:
    (record,) = world.attended(world.wang)
    with refusal(ReasonMissing):
        services.return_record(record=record, actor=world.admin, reason=" ")
    _as_verifier(world, world.wang)
    with refusal(errors.OwnRecord):
        services.return_record(record=record, actor=world.wang.user, reason="不要")


def test_many_are_verified_and_each_refusal_named(world: World) -> None:
    _as_verifier(world, world.li)
    records = world.attended(world.wang, world.li)
    report = services.verify_many(records=records, actor=world.li.user, now=at(21))
    assert [one.resident for one in report.verified] == [world.wang]
    assert [(record.resident, refused.code) for record, refused in report.refused] == [(world.li, "own_record")]
    again = services.verify_many(records=records, actor=world.li.user)
    assert [refused.code for _, refused in again.refused] == ["wrong_state", "own_record"]


def test_the_database_itself_wants_a_second_person(world: World) -> None:
    (record,) = world.attended(world.wang)
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.filter(pk=record.pk).update(verified_by=world.leader, verified_at=at(21), state="verified")
