"""The notice board, objections and their answers."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import Http404

from tests.factories.service import World, at, balance, refusal, tokens_of
from timebank.common.errors import ReasonMissing
from timebank.registry.errors import NotAllowed
from timebank.service import errors, rules, selectors, services
from timebank.service.models import Objection, Record


def test_notice_takes_every_verified_record_and_numbers_the_list(world: World) -> None:
    world.verified(world.wang, world.li)
    first = services.publish_notice(village=world.village, actor=world.admin, now=at(21, 15))
    assert (first.number, first.records.count(), first.until, first.last_day) == (1, 2, at(29, 0), dt.date(2026, 9, 28))
    with refusal(errors.NothingToPublish):
        services.publish_notice(village=world.village, actor=world.admin, now=at(22))
    world.verified(world.wang, starts_at=at(22, 8), ends_at=at(22, 10), minutes=60)
    assert services.publish_notice(village=world.village, actor=world.verifier, now=at(23)).number == 2
    lists = list(selectors.notice_lists(world.village))
    assert [(one.number, one.count, one.minutes) for one in lists] == [(2, 1, 60), (1, 2, 480)]


def test_a_village_may_set_no_notice_at_all(world: World) -> None:
    services.adopt_scheme(
        region=world.village,
        slug="wendeng-rural",
        since=dt.date(2026, 9, 1),
        actor=world.admin,
        notice_days=0,
        now=at(1),
    )
    world.verified(world.wang)
    notice = services.publish_notice(village=world.village, actor=world.admin, now=at(21, 15))
    assert (notice.days, notice.until) == (0, at(21, 15))
    assert services.credit_due(now=at(21, 15)).credited == 1


def test_the_nearest_and_latest_adoption_counts(world: World) -> None:
    assert selectors.notice_days_of(world.village, dt.date(2026, 9, 1)) == 7
    for since, days in ((dt.date(2026, 9, 10), 3), (dt.date(2026, 9, 20), None)):
        services.adopt_scheme(
            region=world.village, slug="wendeng-rural", since=since, actor=world.admin, notice_days=days, now=at(1)
        )
    assert selectors.notice_days_of(world.village, dt.date(2026, 9, 9)) == 7
    assert selectors.notice_days_of(world.village, dt.date(2026, 9, 15)) == 3
    assert selectors.notice_days_of(world.village, dt.date(2026, 9, 25)) == 3
    assert selectors.notice_days_of(world.other, dt.date(2026, 9, 25)) == 7


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (dt.date(2026, 9, 18), 1, dt.date(2026, 9, 21)),  # Friday → Monday
        (dt.date(2026, 9, 20), 7, dt.date(2026, 9, 29)),  # Sunday
        (dt.date(2026, 9, 21), 10, dt.date(2026, 10, 5)),
        (dt.date(2026, 9, 21), 0, dt.date(2026, 9, 21)),
    ],
)
def test_working_days_leave_out_the_weekend(day: dt.date, count: int, expected: dt.date) -> None:
    assert rules.add_working_days(day, count) == expected


def test_the_public_list_shows_no_phone_and_covers_a_name_on_wish(world: World) -> None:
    (record,) = world.published(world.wang)
    (row,) = selectors.notice_list(world.village)
    assert (row.name, row.what, row.minutes, row.last_day) == ("王秀英", "清洁村庄", 240, dt.date(2026, 9, 27))
    with refusal(errors.NotYours):
        services.withhold_name(record=record, actor=world.li.user)
    services.withhold_name(record=record, actor=world.wang.user)
    services.withhold_name(record=record, actor=world.wang.user)
    (row,) = selectors.notice_list(world.village)
    assert row.name == "王**"
    until = Record.objects.get().notice_until
    assert until is not None
    assert services.credit_due(now=until).points == 100
    services.show_name(record=record, actor=world.wang.user)
    assert Record.objects.get().is_name_withheld is False


def test_an_objection_stops_the_credit_until_it_is_answered(world: World) -> None:
    (record,) = world.published(world.wang)
    objection = services.raise_objection(
        record=record, resident=world.li, text="下午才来", actor=world.li.user, now=at(21)
    )
    assert objection.due_on == dt.date(2026, 9, 30)
    assert services.credit_due(now=at(1, month=12)).due == 0
    (row,) = selectors.notice_list(world.village)
    assert row.is_disputed
    answered = services.answer_objection(
        objection=objection, actor=world.verifier, upheld=False, answer="签到在八点", now=at(23)
    )
    assert (answered.state, answered.answered_by, answered.answered_at) == ("dismissed", world.verifier, at(23))
    report = services.credit_due(now=at(1, month=12))
    assert (report.credited, balance(world.wang)) == (1, 100)
    assert tokens_of(record) == ["submitted", "verified", "published", "disputed", "published", "credited"]


def test_an_upheld_objection_returns_the_record(world: World) -> None:
    (record,) = world.published(world.wang)
    mine = services.raise_objection(record=record, resident=world.li, text="不在", actor=world.li.user, now=at(21))
    third = world.resident("孙")
    other = services.raise_objection(record=record, resident=third, text="没看见", actor=third.user, now=at(21))
    services.answer_objection(objection=mine, actor=world.verifier, upheld=True, answer="核实不在场", now=at(23))
    record = Record.objects.get(pk=record.pk)
    assert (record.state, record.verified_by, record.notice_until) == ("returned", None, None)
    other.refresh_from_db()
    assert (other.state, other.answer) == ("upheld", "核实不在场")
    assert services.credit_due(now=at(1, month=12)).due == 0
    assert selectors.notice_list(world.village) == []


def test_every_doubt_must_be_answered(world: World) -> None:
    (record,) = world.published(world.wang)
    third = world.resident("孙")
    one, two = (
        services.raise_objection(record=record, resident=person, text="？", actor=person.user, now=at(21))
        for person in (world.li, third)
    )
    assert list(selectors.objections_open(world.admin)) == [one, two]
    assert not selectors.objections_open(world.stranger).exists()
    services.answer_objection(objection=one, actor=world.verifier, upheld=False, answer="在", now=at(22))
    assert Record.objects.get().state == "disputed"
    services.answer_objection(objection=two, actor=world.verifier, upheld=False, answer="在", now=at(22))
    assert Record.objects.get().state == "published"


def test_objections_refuse_who_and_what_they_must(world: World) -> None:
    (record,) = world.published(world.wang)
    neighbour = world.resident(village=world.other)
    with refusal(errors.OtherVillage):
        services.raise_objection(record=record, resident=neighbour, text="？", actor=neighbour.user)
    with refusal(errors.NotYours):
        services.raise_objection(record=record, resident=world.li, text="？", actor=world.wang.user)
    with refusal(ReasonMissing):
        services.raise_objection(record=record, resident=world.li, text="  ", actor=world.li.user)
    services.raise_objection(record=record, resident=world.li, text="？", actor=world.li.user, now=at(21))
    with refusal(errors.AlreadyObjected):
        services.raise_objection(record=record, resident=world.li, text="？", actor=world.li.user)
    with pytest.raises(Http404):
        selectors.published_record_for(neighbour, record.pk)
    with pytest.raises(Http404):
        selectors.published_record_for(None, record.pk)
    assert selectors.published_record_for(world.li, record.pk) == record


def test_a_credited_record_is_past_objection(world: World) -> None:
    (record,) = world.credited(world.wang)
    with refusal(errors.NotOnNotice):
        services.raise_objection(record=record, resident=world.li, text="？", actor=world.li.user)


def test_answers_come_from_somebody_neutral_with_reasons(world: World) -> None:
    (record,) = world.published(world.wang)
    objection = services.raise_objection(record=record, resident=world.li, text="？", actor=world.li.user, now=at(21))
    with refusal(NotAllowed):
        services.answer_objection(objection=objection, actor=world.leader, upheld=True, answer="好")
    with refusal(ReasonMissing):
        services.answer_objection(objection=objection, actor=world.verifier, upheld=True, answer="")
    for person in (world.li, world.wang):
        from timebank.registry import services as registry

        registry.grant_role(user=person.user, role="verifier", actor=None, region=world.village)
        with refusal(errors.OwnObjection):
            services.answer_objection(objection=objection, actor=person.user, upheld=False, answer="在")
    services.answer_objection(objection=objection, actor=world.verifier, upheld=False, answer="在")
    with refusal(errors.ObjectionAnswered):
        services.answer_objection(objection=objection, actor=world.verifier, upheld=True, answer="又不在")
    assert Objection.objects.get().state == "dismissed"
