"""Separation of duties, judged by who brought a thing about: the cheats of one village admin alone, each refused.

Each has its control: with the predicate switched off the same script succeeds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.service.world import World, at, refusal
from timebank.registry import interests
from timebank.registry import services as registry
from timebank.registry.errors import AppointsSelf, ConflictOfInterest, HelperAppointsSelf
from timebank.registry.models import Proxy
from timebank.service import errors, rules, services
from timebank.service.models import Attendance, Method, Objection, Record


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the predicate off: nobody has an interest, nobody's hands are on anything."""
    for module in (interests, rules):
        monkeypatch.setattr(module, "interest_of", lambda actor, resident: "")
    monkeypatch.setattr("timebank.service.services.notices.interest_of", lambda actor, resident: "")
    monkeypatch.setattr(rules, "hands_of", lambda record: set())


def scanned_for(world: World, who: object) -> Record:
    """Let ``who`` check Wang in and out with the code on the leader's screen, and the leader close."""
    activity = world.activity()
    for service, hour in ((services.check_in, 8), (services.check_out, 12)):
        service(activity=activity, resident=world.wang, actor=who, method=Method.LIST, now=at(20, hour))
    Attendance.objects.update(check_in_method=Method.QR, check_out_method=Method.QR)  # as if by the code
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    return Record.objects.get()


def closed_by(world: World, who: object) -> Record:
    activity = world.activity()
    services.check_in(activity=activity, resident=world.wang, actor=world.leader, method=Method.LIST, now=at(20, 8))
    services.check_out(activity=activity, resident=world.wang, actor=world.leader, now=at(20, 12))
    services.close_activity(activity=activity, actor=who, now=at(20, 12))
    return Record.objects.get()


CHEATS: dict[str, Callable[[World, object], Record]] = {"scans for another": scanned_for, "closes": closed_by}


@pytest.mark.parametrize("cheat", CHEATS)
def test_whose_hands_are_on_a_record_does_not_verify_it(world: World, cheat: str) -> None:
    record = CHEATS[cheat](world, world.admin)
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.admin)
    assert services.verify_record(record=record, actor=world.verifier).state == "verified"


@pytest.mark.parametrize("cheat", ["scans for another"])  # the table itself refuses whoever closed: see its check
def test_control_without_the_predicate_the_cheat_works(world: World, cheat: str, blind: None) -> None:
    record = CHEATS[cheat](world, world.admin)
    assert services.verify_record(record=record, actor=world.admin).state == "verified"


def disputed(world: World) -> Objection:
    (record,) = world.attended(world.wang)
    services.verify_record(record=record, actor=world.admin, now=at(21))
    services.publish_notice(village=world.village, actor=world.verifier, now=at(21))
    record.refresh_from_db()
    return services.raise_objection(
        record=record, resident=world.li, actor=world.li.user, text="那天没有见到", now=at(22)
    )


def test_who_verified_does_not_answer_the_objection(world: World) -> None:
    objection = disputed(world)
    with refusal(errors.OwnVerification):
        services.answer_objection(objection=objection, actor=world.admin, upheld=False, answer="没有的事", now=at(23))
    services.answer_objection(objection=objection, actor=world.verifier, upheld=False, answer="有照片", now=at(23))
    objection.refresh_from_db()
    assert (objection.state, objection.answered_by) == ("dismissed", world.verifier)


def test_nobody_reverses_the_hours_of_whom_they_help(world: World) -> None:
    (record,) = world.credited(world.wang)
    registry.add_proxy(resident=world.wang, helper=world.admin, relation=Proxy.Relation.VILLAGE, actor=None)
    with pytest.raises(ConflictOfInterest) as refused:
        services.reverse_record(record=record, actor=world.admin, reason="错了")
    assert refused.value.params["interest"] == "client"
    record.refresh_from_db()
    assert record.state == "credited"


def test_nobody_makes_themselves_a_helper_or_an_official(world: World) -> None:
    elder = world.resident("周奶奶", phone=False)
    with pytest.raises(HelperAppointsSelf):
        registry.add_proxy(resident=elder, helper=world.admin, relation=Proxy.Relation.VILLAGE, actor=world.admin)
    assert not Proxy.objects.exists()
    with pytest.raises(AppointsSelf):
        registry.grant_role(user=world.admin, role="leader", region=world.village, actor=world.admin)
    assert not world.admin.role_grants.filter(role="leader").exists()


def test_nothing_that_is_entered_ends_after_now(world: World) -> None:
    with refusal(errors.NotOverYet):
        services.enter_record(
            resident=world.wang,
            category="farm",
            served_on=at(20).date(),
            started_at=at(20, 16, 53),
            minutes=30,
            actor=world.admin,
            now=at(20, 16, 54),
        )
    assert not Record.objects.exists()


def test_a_village_of_two_officials_and_a_third_does_its_work(world: World) -> None:
    """One leads and closes, one verifies and publishes, the third answers: nobody is stuck."""
    record = closed_by(world, world.leader)
    services.verify_record(record=record, actor=world.admin, now=at(21))
    services.publish_notice(village=world.village, actor=world.admin, now=at(21))
    record.refresh_from_db()
    objection = services.raise_objection(
        record=record, resident=world.li, actor=world.li.user, text="问一问", now=at(22)
    )
    services.answer_objection(objection=objection, actor=world.verifier, upheld=False, answer="属实", now=at(23))
    record.refresh_from_db()
    assert record.state == "published"
    report = services.credit_due(now=at(30))
    assert report.credited == 1
