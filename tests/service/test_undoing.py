"""Looked at before, taken back after: a verification and a notice list, while nothing has followed from them."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.factories.service import World, at, balance, refusal, tokens_of
from timebank.common.errors import ReasonMissing
from timebank.registry.errors import NotAllowed
from timebank.registry.models import AuditEntry, Resident
from timebank.service import errors, services
from timebank.service.models import NoticeList, Record
from timebank.service.selectors.previews import preview, preview_of_notice

LATER = at(21, 15)


def test_the_preview_says_what_publishing_does_and_what_stays_out(world: World) -> None:
    world.verified(world.wang, world.li)
    world.verified(world.wang, starts_at=at(21, 8), ends_at=at(21, 12))
    waiting, sent_back = world.attended(world.wang, world.li, starts_at=at(22, 8), ends_at=at(22, 10), minutes=60)
    services.return_record(record=sent_back, actor=world.admin, reason="名单不对", now=at(23))
    seen = preview_of_notice(world.village)
    assert (seen.records, seen.minutes, seen.unpriced) == (3, 720, 0)
    assert [(one.name, one.records, one.minutes) for one in seen.people] == [("王秀英", 2, 480), ("李大山", 1, 240)]
    assert [many for _why, many in seen.left_out] == [1, 1]
    # The forecast is what credit then does, while nothing else happens.
    notice = services.publish_notice(village=world.village, actor=world.admin, seen=seen.fingerprint, now=at(23))
    # Whoever would withdraw the list sees the same points: what is on it is not counted before itself.
    assert preview(list(notice.records.select_related("resident", "village")), []).points == seen.points
    assert services.credit_due(now=at(1, month=11)).points == seen.points
    assert balance(world.wang) == seen.people[0].points > 0
    assert waiting.state == "submitted"


def test_yes_counts_for_the_figures_that_were_seen(world: World) -> None:
    world.verified(world.wang)
    seen = preview_of_notice(world.village).fingerprint
    world.verified(world.li, starts_at=at(21, 8), ends_at=at(21, 10), minutes=60)
    with refusal(errors.PreviewChanged):
        services.publish_notice(village=world.village, actor=world.admin, seen=seen, now=at(22))


def test_a_list_is_withdrawn_with_a_reason_and_comes_again_with_a_new_number(world: World) -> None:
    (record,) = world.verified(world.wang)
    notice = services.publish_notice(village=world.village, actor=world.admin, now=LATER)
    with refusal(ReasonMissing):
        services.withdraw_notice(notice=notice, actor=world.admin, reason=" ", now=LATER)
    for who in (world.stranger, world.leader):
        with refusal(NotAllowed):
            services.withdraw_notice(notice=notice, actor=who, reason="印错了", now=LATER)
    services.withdraw_notice(notice=notice, actor=world.admin, reason="印错了", now=LATER + dt.timedelta(hours=23))
    notice.refresh_from_db()
    record.refresh_from_db()
    assert (notice.withdrawn_by, notice.withdrawn_reason) == (world.admin, "印错了")
    assert (record.state, record.notice_list, record.verified_by) == ("verified", None, world.admin)
    assert tokens_of(record)[-2:] == ["published", "verified"]
    assert AuditEntry.objects.filter(action="withdraw_notice", reason="印错了").count() == 1
    with refusal(errors.SomethingFollowed):
        services.withdraw_notice(notice=notice, actor=world.admin, reason="再来一次", now=LATER)
    assert services.credit_due(now=at(1, month=12)).credited == 0
    again = services.publish_notice(village=world.village, actor=world.admin, now=at(23))
    assert (again.number, again.until) == (2, at(1, 0, month=10))
    assert services.credit_due(now=at(1, month=12)).credited == 1


def test_what_has_followed_or_is_too_old_is_not_withdrawn(world: World) -> None:
    (record,) = world.published(world.wang)
    notice = NoticeList.objects.get()
    day_after = notice.published_at + dt.timedelta(hours=24)
    with refusal(errors.TooLateToUndo):
        services.withdraw_notice(notice=notice, actor=world.admin, reason="晚了", now=day_after)
    doubt = services.raise_objection(
        record=record, resident=world.li, text="他没来", actor=world.li.user, now=notice.published_at
    )
    with refusal(errors.SomethingFollowed):
        services.withdraw_notice(notice=notice, actor=world.admin, reason="有异议", now=notice.published_at)
    services.answer_objection(
        objection=doubt, actor=world.verifier, upheld=False, answer="来过", now=notice.published_at
    )
    # Answered, too: it was doubted in public.
    with refusal(errors.SomethingFollowed):
        services.withdraw_notice(notice=notice, actor=world.admin, reason="有异议", now=notice.published_at)


def test_a_list_without_days_of_notice_is_final(world: World) -> None:
    services.adopt_scheme(
        region=world.village, slug="wendeng-rural", since=at(1).date(), actor=world.admin, notice_days=0, now=at(1)
    )
    world.verified(world.wang)
    notice = services.publish_notice(village=world.village, actor=world.admin, now=LATER)
    with refusal(errors.TooLateToUndo):
        services.withdraw_notice(notice=notice, actor=world.admin, reason="印错了", now=LATER)


def test_what_was_verified_together_waits_again_together(world: World) -> None:
    records = world.attended(world.wang, world.li)
    Resident.objects.filter(pk=world.li.pk).update(
        confirmed_at=None, confirmed_how="", confirmed_by=None, registered_by=world.leader
    )
    (other,) = world.verified(world.wang, starts_at=at(21, 8), ends_at=at(21, 10), minutes=60)
    services.verify_many(records=records, actor=world.admin, now=LATER)
    assert Resident.objects.get(pk=world.li.pk).confirmed_how == "second"
    with refusal(errors.NotVerifiedByYou):
        services.undo_verification(
            record=Record.objects.get(pk=records[0].pk), actor=world.verifier, reason="看错了", now=LATER
        )
    done = services.undo_verification(
        record=Record.objects.get(pk=records[0].pk), actor=world.admin, reason="看错了", now=LATER
    )
    assert [one.pk for one in done] == [one.pk for one in records]
    for one in records:
        one.refresh_from_db()
        assert (one.state, one.verified_at, one.verified_by) == ("submitted", None, None)
        assert tokens_of(one)[-2:] == ["verified", "submitted"]
    # Known only by that verification: not known any more, and whoever registered them may not verify.
    assert Resident.objects.get(pk=world.li.pk).confirmed_at is None
    other.refresh_from_db()
    assert other.state == "verified"
    # Somebody else may verify now, as at first.
    services.verify_record(record=records[0], actor=world.verifier, now=LATER)


def test_minutes_that_were_cut_come_back(world: World) -> None:
    (record,) = world.attended(world.wang)
    services.verify_record(record=record, actor=world.admin, minutes=100, reason="中途离开", now=LATER)
    record.refresh_from_db()
    with refusal(ReasonMissing):
        services.undo_verification(record=record, actor=world.admin, reason=" ", now=LATER)
    services.undo_verification(record=record, actor=world.admin, reason="看错了", now=LATER)
    record.refresh_from_db()
    assert (record.minutes, record.ended_at) == (240, at(20, 12))


@pytest.mark.parametrize("hours", [24, 48])
def test_a_verification_is_taken_back_within_a_day_and_before_it_is_published(world: World, hours: int) -> None:
    (record,) = world.verified(world.wang)
    record.refresh_from_db()
    assert record.verified_at is not None
    with refusal(errors.TooLateToUndo):
        services.undo_verification(
            record=record, actor=world.admin, reason="看错了", now=record.verified_at + dt.timedelta(hours=hours)
        )
    services.publish_notice(village=world.village, actor=world.admin, now=record.verified_at)
    with refusal(errors.SomethingFollowed):
        services.undo_verification(record=record, actor=world.admin, reason="看错了", now=record.verified_at)
