"""Separation of duties, judged by who brought a thing about: the cheats of one village admin alone, each refused.

Each has its control: with the predicate switched off the same script succeeds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from tests.factories.service import World, at, refusal
from timebank.registry import interests
from timebank.registry import services as registry
from timebank.registry.errors import AppointsSelf, ConflictOfInterest, DutiesClash, HelperAppointsSelf, NotAllowed
from timebank.registry.models import Proxy
from timebank.service import errors, rules, selectors, services
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


def showed_the_code(world: World, who: object) -> Record:
    """Let the person scan with their own phone, from ``who``'s screen; the leader closes."""
    activity = world.activity()
    for service, hour in ((services.check_in, 8), (services.check_out, 12)):
        token = services.attendance_token(activity, at(20, hour), shown_by=who)
        service(token=token, resident=world.wang, actor=world.wang.user, now=at(20, hour))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12))
    return Record.objects.get()


def sent_it_before(world: World, who: object) -> Record:
    """Let ``who`` enter it and another send it again after it was returned."""
    record = services.enter_record(
        resident=world.wang, category="farm", served_on=at(19).date(), minutes=60, actor=who, now=at(20)
    )
    services.return_record(record=record, actor=world.verifier, reason="看不清", now=at(20))
    return services.submit_record(record=record, actor=world.leader, reason="看过原件", now=at(20))


CHEATS: dict[str, Callable[[World, object], Record]] = {
    "scans for another": scanned_for,
    "closes": closed_by,
    "shows the code": showed_the_code,
    "sent it before": sent_it_before,
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_whose_hands_are_on_a_record_does_not_verify_it(world: World, cheat: str) -> None:
    record = CHEATS[cheat](world, world.admin)
    with refusal(errors.OwnEntry):
        services.verify_record(record=record, actor=world.admin)
    assert services.verify_record(record=record, actor=world.verifier, now=at(21)).state == "verified"


@pytest.mark.parametrize("cheat", ["scans for another"])  # the table itself refuses whoever closed: see its check
def test_control_without_the_predicate_the_cheat_works(world: World, cheat: str, blind: None) -> None:
    record = CHEATS[cheat](world, world.admin)
    if record.entered_by == world.admin:  # here the table refuses by itself: one person may not stand in both columns
        with pytest.raises(IntegrityError, match="record_second_person_verifies"), transaction.atomic():
            services.verify_record(record=record, actor=world.admin, now=at(21))
    else:
        assert services.verify_record(record=record, actor=world.admin, now=at(21)).state == "verified"


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


def test_a_ghost_of_one_admin_alone_stays_unverified(world: World) -> None:
    """Register, show the code, scan for it, never check out, let the clock close: no minutes, nothing to verify."""
    ghost = registry.register_resident(village=world.village, name="无此人", actor=world.admin)
    activity = world.activity(actor=world.admin)
    token = services.attendance_token(activity, at(20, 8), shown_by=world.admin)
    services.check_in(token=token, resident=ghost, actor=world.admin, now=at(20, 8))
    services.close_overdue(now=at(22))
    assert not Record.objects.exists()
    stated = services.state_time(
        activity=activity, resident=ghost, minutes=240, actor=world.admin, reason="他在", now=at(22)
    )
    with refusal(errors.OwnEntry):
        services.verify_record(record=stated, actor=world.admin, now=at(22))


def test_one_person_objects_five_times_a_month(world: World) -> None:
    records = [
        world.published(world.wang, starts_at=at(day, 8), ends_at=at(day, 9), minutes=60)[0] for day in range(1, 7)
    ]
    for record in records[:5]:
        services.raise_objection(record=record, resident=world.li, text="没见到", actor=world.li.user, now=at(28))
    with refusal(errors.TooManyObjections):
        services.raise_objection(record=records[5], resident=world.li, text="没见到", actor=world.li.user, now=at(28))
    october = at(1, month=10)
    services.raise_objection(record=records[5], resident=world.li, text="没见到", actor=world.li.user, now=october)


def test_hours_of_today_without_a_start_are_not_longer_than_the_day_so_far(world: World) -> None:
    today = {"resident": world.wang, "category": "farm", "served_on": at(20).date(), "actor": world.admin}
    with refusal(errors.NotOverYet):
        services.enter_record(**today, minutes=121, now=at(20, 2))
    assert services.enter_record(**today, minutes=120, now=at(20, 2)).minutes == 120


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("town_admin", "village_admin"),
        ("town_admin", "stock_keeper"),
        ("auditor", "town_admin"),
        ("auditor", "village_admin"),
        ("supervisor", "village_admin"),
        ("supervisor", "stock_keeper"),
        ("supervisor", "clerk"),
        ("supervisor", "leader"),
    ],
)
def test_two_ends_never_meet_in_one_person(world: World, held: str, wanted: str) -> None:
    from timebank.registry.models import User

    person = User.objects.create_user(name="两头", email="both@shanji.example")
    region = world.town if held == "town_admin" or wanted == "town_admin" else world.village
    registry.grant_role(user=person, role=held, region=region, actor=None)
    with refusal(DutiesClash):
        registry.grant_role(user=person, role=wanted, region=world.village, actor=None)


def test_the_second_pair_of_eyes_is_appointed_from_above(world: World) -> None:
    for role in ("verifier", "supervisor"):
        with refusal(NotAllowed):
            registry.grant_role(user=world.wang.user, role=role, region=world.village, actor=world.admin)
    wife = world.resident("妻", household_number="31")
    husband = world.resident("夫", household_number="31")
    registry.grant_role(user=wife.user, role="village_admin", region=world.village, actor=None)
    with refusal(ConflictOfInterest):
        registry.grant_role(user=husband.user, role="leader", region=world.village, actor=wife.user)
    operator = type(world.admin).objects.create_superuser(username="operator")
    with refusal(AppointsSelf):
        registry.grant_role(user=operator, role="village_admin", region=world.village, actor=operator)
    with refusal(DutiesClash):
        registry.grant_role(user=operator, role="village_admin", region=world.village, actor=None)


def test_a_week_with_an_admin_and_one_member_of_the_committee(world: World) -> None:
    """The admin leads, registers and publishes; the member verifies; either answers what the other verified."""
    from timebank.registry.models import User

    member = User.objects.create_user(name="监委", email="member@shanji.example")
    registry.grant_role(user=member, role="supervisor", region=world.village, actor=None)
    newcomer = registry.register_resident(village=world.village, name="新来的", actor=world.admin)
    activity = world.activity(actor=world.admin)
    for person in (newcomer, world.wang):
        services.check_in(activity=activity, resident=person, actor=world.admin, now=at(20, 8))
    services.check_out(activity=activity, resident=newcomer, actor=world.admin, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.admin, now=at(20, 12))
    services.state_time(
        activity=activity, resident=world.wang, minutes=180, actor=world.admin, reason="送她回家", now=at(20, 13)
    )
    slip = services.enter_record(
        resident=world.li, category="farm", served_on=at(19).date(), minutes=60, actor=world.admin, now=at(20, 14)
    )
    services.return_record(record=slip, actor=member, reason="哪块地？", now=at(21))
    services.submit_record(record=slip, actor=world.admin, reason="东头二亩地", now=at(21))
    queue = list(selectors.verify_queue(member))
    report = services.verify_many(records=queue, actor=member, now=at(21))
    assert (len(report.verified), report.refused) == (3, [])
    services.publish_notice(village=world.village, actor=world.admin, now=at(21))
    doubted = Record.objects.get(resident=newcomer)
    objection = services.raise_objection(
        record=doubted, resident=world.li, text="没见过", actor=world.li.user, now=at(22)
    )
    with refusal(errors.OwnVerification):
        services.answer_objection(objection=objection, actor=member, upheld=False, answer="在", now=at(23))
    services.answer_objection(objection=objection, actor=world.admin, upheld=False, answer="上月搬来", now=at(23))
    assert services.credit_due(now=at(5, month=10)).credited == 3
