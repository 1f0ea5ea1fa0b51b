"""Races of the service app on PostgreSQL, each with a control that shows what the guard prevents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError

if TYPE_CHECKING:
    from tests.factories.service import World
    from tests.support.races import Outcome
from tests.support import worlds

pytestmark = [
    pytest.mark.pg_only("row locks and real threads"),
    pytest.mark.django_db(transaction=True),
]
Race = Callable[..., "Outcome"]


town = worlds.fixture("town", "tests.factories.service.make_world")


@contextmanager
def without_row_locks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every ``select_for_update`` read without locking, as if it had been forgotten."""
    from django.db.models.query import QuerySet

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "select_for_update", lambda self, *args, **kwargs: self._chain())
        yield


def _sign_up_all(town: World, run: Race, people: list[Any], activity: Any) -> Outcome:
    from tests.factories.service import at
    from timebank.service import services

    def go(number: int) -> str:
        one = people[number]
        return services.sign_up(activity=activity, resident=one, actor=one.user, now=at(16)).state

    return run(go, len(people))


def test_three_places_twenty_people_exactly_three_go(town: World, run_concurrently: Race) -> None:
    people = [town.resident() for _ in range(20)]
    activity = town.activity(capacity=3)
    outcome = _sign_up_all(town, run_concurrently, people, activity).raise_unless()
    assert sorted(outcome.results) == ["going"] * 3 + ["waiting"] * 17
    activity.refresh_from_db()
    assert activity.taken == 3
    assert activity.sign_ups.filter(state="going").count() == 3


def test_control_without_locks_the_count_of_places_goes_wrong(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from timebank.service.services import signups

    people = [town.resident() for _ in range(20)]
    activity = town.activity(capacity=3)
    real = signups.take_place

    def slowly(locked: Any) -> bool:
        time.sleep(0.05)  # long enough for every other thread to have read the same count
        return real(locked)

    monkeypatch.setattr(signups, "take_place", slowly)
    with without_row_locks(monkeypatch):
        outcome = _sign_up_all(town, run_concurrently, people, activity)
    assert outcome.results.count("going") > 3


def test_one_person_cannot_take_two_places_at_one_time(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at
    from timebank.service import errors, services
    from timebank.service.models import SignUp

    activities = [town.activity(title=f"活动{number}") for number in range(6)]

    def go(number: int) -> str:
        return services.sign_up(activity=activities[number], resident=town.wang, actor=town.wang.user, now=at(16)).state

    outcome = run_concurrently(go, 6).raise_unless(errors.OverlappingSignUp)
    assert (len(outcome.results), len(outcome.errors)) == (1, 5)
    assert SignUp.objects.count() == 1


def test_one_person_pressing_six_times_signs_up_once(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at
    from timebank.service import services

    activity = town.activity()
    outcome = run_concurrently(
        lambda: services.sign_up(activity=activity, resident=town.wang, actor=town.wang.user, now=at(16)).pk, 6
    ).raise_unless()
    assert len(set(outcome.results)) == 1
    activity.refresh_from_db()
    assert activity.taken == 1


def test_two_verifiers_make_one_verification_and_one_credit(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at, balance
    from timebank.service import errors, services
    from timebank.service.models import Record

    (record,) = town.attended(town.wang)
    actors = [town.admin, town.verifier]
    outcome = run_concurrently(
        lambda number: services.verify_record(record=record, actor=actors[number], now=at(21)), 2
    ).raise_unless(errors.WrongState)
    assert (len(outcome.results), len(outcome.errors)) == (1, 1)
    assert Record.objects.get().changes.filter(to_state="verified").count() == 1
    services.publish_notice(village=town.village, actor=town.admin, now=at(21))
    services.credit_due(now=at(1, month=12))
    assert balance(town.wang) == 100


def test_control_without_locks_a_record_is_verified_twice(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from tests.factories.service import at
    from timebank.service import rules, services
    from timebank.service.models import Record

    (record,) = town.attended(town.wang)
    actors = [town.admin, town.verifier]
    real = rules.refusal_to_verify

    def slowly(actor: Any, one: Any) -> Any:
        time.sleep(0.1)
        return real(actor, one)

    monkeypatch.setattr(rules, "refusal_to_verify", slowly)
    with without_row_locks(monkeypatch):
        outcome = run_concurrently(
            lambda number: services.verify_record(record=record, actor=actors[number], now=at(21)), 2
        )
    assert len(outcome.results) == 2
    assert Record.objects.get().changes.filter(to_state="verified").count() == 2


def test_four_workers_credit_every_record_once(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at, balance
    from timebank.service import services
    from timebank.service.models import Record, RecordChange, Standing

    people = [town.resident() for _ in range(8)]
    town.published(*people)
    town.published(*people, starts_at=at(21, 8), ends_at=at(21, 12))
    outcome = run_concurrently(lambda: services.credit_due(now=at(1, month=12), batch=4), 4).raise_unless()
    assert sum(report.credited for report in outcome.results) == 16
    assert sum(report.points for report in outcome.results) == 800
    assert [balance(one) for one in people] == [100] * 8
    assert RecordChange.objects.filter(to_state="credited").count() == 16
    assert set(Standing.objects.values_list("earned_points", "minutes")) == {(100, 480)}
    assert not Record.objects.exclude(state="credited").exists()


def test_control_without_locks_two_workers_collide_though_nothing_is_minted_twice(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from tests.factories.service import at, balance
    from timebank.service import services
    from timebank.service.models import RecordChange
    from timebank.service.services import credit

    town.published(town.wang)
    real = credit._price
    priced: list[Any] = []

    def slowly(*args: Any) -> Any:
        priced.extend(args[0])
        time.sleep(0.2)
        return real(*args)

    monkeypatch.setattr(credit, "_price", slowly)
    with without_row_locks(monkeypatch):
        run_concurrently(lambda: services.credit_due(now=at(1, month=12)), 2).raise_unless()
    # Both priced the same record: with the locks on, the second would have waited and found nothing due.
    assert len(priced) == 2
    # What stands behind the locks still held: the state in the statement, and the key of the transfer.
    assert RecordChange.objects.filter(to_state="credited").count() == 1
    assert balance(town.wang) == 100


def test_overlapping_entries_at_one_moment_keep_one(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at
    from timebank.service import errors, services
    from timebank.service.models import Record

    def go(number: int) -> int:
        return services.enter_record(
            resident=town.wang,
            category="farm",
            served_on=at(20).date(),
            minutes=120,
            started_at=at(20, 8, number),
            actor=town.leader,
            now=at(21),
        ).pk

    outcome = run_concurrently(go, 6).raise_unless(errors.OverlappingRecord)
    assert (len(outcome.results), Record.objects.count()) == (1, 1)


def test_control_without_locks_overlapping_entries_slip_in(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from tests.factories.service import at
    from timebank.service import services
    from timebank.service.models import Record
    from timebank.service.services import records

    real = records.require_no_overlap

    def slowly(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        time.sleep(0.1)

    monkeypatch.setattr(records, "require_no_overlap", slowly)
    with without_row_locks(monkeypatch):
        run_concurrently(
            lambda number: services.enter_record(
                resident=town.wang,
                category="farm",
                served_on=at(20).date(),
                minutes=120,
                started_at=at(20, 8, number),
                actor=town.leader,
                now=at(21),
            ),
            4,
        )
    assert Record.objects.count() > 1


def test_an_objection_and_the_credit_cannot_both_win(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at, balance
    from timebank.service import errors, services
    from timebank.service.models import Record

    (record,) = town.published(town.wang)

    def go(number: int) -> object:
        if number:
            return services.credit_due(now=at(1, month=12)).credited
        return services.raise_objection(record=record, resident=town.li, text="？", actor=town.li.user)

    run_concurrently(go, 2).raise_unless(errors.NotOnNotice)
    record = Record.objects.get(pk=record.pk)
    assert (record.state, balance(town.wang), record.objections.count()) in {
        ("credited", 100, 0),
        ("disputed", 0, 1),
    }


def test_two_clerks_publishing_make_one_list(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at
    from timebank.service import errors, services
    from timebank.service.models import NoticeList

    town.verified(town.wang, town.li)
    actors = [town.admin, town.verifier]
    outcome = run_concurrently(
        lambda number: services.publish_notice(village=town.village, actor=actors[number], now=at(22)), 2
    ).raise_unless(errors.NothingToPublish)
    assert (len(outcome.results), NoticeList.objects.count()) == (1, 1)


def test_two_presses_on_close_make_each_record_once(town: World, run_concurrently: Race) -> None:
    from tests.factories.service import at
    from timebank.service import services
    from timebank.service.models import Record

    activity = town.activity()
    for person in (town.wang, town.li):
        services.check_in(activity=activity, resident=person, actor=town.leader, now=at(20, 8))
        services.check_out(activity=activity, resident=person, actor=town.leader, now=at(20, 11))
    run_concurrently(
        lambda: services.close_activity(activity=activity, actor=town.leader, now=at(20, 12)), 4
    ).raise_unless()
    assert Record.objects.count() == 2


def test_the_database_keeps_one_sign_up_even_without_locks(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.factories.service import at
    from timebank.service import errors, services
    from timebank.service.models import SignUp

    activity = town.activity()
    with without_row_locks(monkeypatch):
        outcome = run_concurrently(
            lambda: services.sign_up(activity=activity, resident=town.wang, actor=town.wang.user, now=at(16)).pk, 6
        )
    outcome.raise_unless(IntegrityError, errors.AlreadySignedUp)
    assert SignUp.objects.count() == 1


def _withdraw_and_credit(town: World, run: Race) -> Outcome:
    """Withdraw a list and credit it at one moment; the sweep's clock stands at the end of the notice."""
    from datetime import timedelta

    from timebank.service import services
    from timebank.service.models import NoticeList

    people = [town.resident() for _ in range(4)]
    town.published(*people)
    notice = NoticeList.objects.get()

    def go(number: int) -> str:
        if number:
            return f"credited {services.credit_due(now=notice.until).credited}"
        services.withdraw_notice(
            notice=notice, actor=town.admin, reason="印错了", now=notice.published_at + timedelta(hours=1)
        )
        return "withdrawn"

    return run(go, 2)


def test_a_list_is_withdrawn_or_credited_and_never_both(town: World, run_concurrently: Race) -> None:
    from timebank.ledger.models import Transfer
    from timebank.service import errors
    from timebank.service.models import Record

    outcome = _withdraw_and_credit(town, run_concurrently).raise_unless(errors.SomethingFollowed)
    states = set(Record.objects.values_list("state", flat=True))
    minted = Transfer.objects.filter(kind="mint").count()
    if "withdrawn" in outcome.results:
        assert (states, minted) == ({"verified"}, 0)
    else:
        assert (states, minted) == ({"credited"}, 4)


def test_control_without_locks_a_withdrawn_list_is_credited(
    town: World, run_concurrently: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from timebank.service.services import credit, notices

    real = notices.doubted

    def slowly(notice: Any) -> bool:
        time.sleep(0.5)  # long enough for the sweep to credit what was just read as being on notice
        return real(notice)

    monkeypatch.setattr(notices, "doubted", slowly)
    assert credit.BATCH > 4
    with without_row_locks(monkeypatch):
        outcome = _withdraw_and_credit(town, run_concurrently)
    # Both believe that they did it: the history has both, or the guard of the table refuses the second.
    assert "credited 4" in outcome.results
    assert not any(type(error).__name__ == "SomethingFollowed" for error in outcome.errors)
