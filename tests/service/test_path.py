"""The whole way of an hour, and what each step leaves behind."""

from __future__ import annotations

import datetime as dt

from tests.factories.service import World, at, balance, tokens_of
from timebank.ledger import selectors as ledger_read
from timebank.service import selectors, services
from timebank.service.models import Record, SignUp, Standing


def test_hour_walks_from_sign_up_to_points(world: World) -> None:
    activity = world.activity()
    mine = services.sign_up(activity=activity, resident=world.wang, actor=world.wang.user, now=at(16))
    assert mine.state == SignUp.State.GOING

    came = services.attendance_token(activity, at(20, 8))
    services.check_in(token=came, resident=world.wang, actor=world.wang.user, now=at(20, 8))
    left = services.attendance_token(activity, at(20, 12))
    services.check_out(token=left, resident=world.wang, actor=world.wang.user, now=at(20, 12))
    services.close_activity(activity=activity, actor=world.leader, now=at(20, 12, 5))
    record = activity.records.get()
    assert (record.minutes, record.state, record.evidence, record.is_flagged) == (240, "submitted", 100, False)
    assert list(selectors.verify_queue(world.admin)) == [record]

    services.verify_record(record=record, actor=world.admin, now=at(21))
    notice = services.publish_notice(village=world.village, actor=world.admin, now=at(21, 9))
    assert (notice.number, notice.days, notice.until) == (1, 7, at(29, 0))
    assert services.credit_due(now=at(28, 23, 59)).due == 0
    assert balance(world.wang) == 0

    report = services.credit_due(now=at(29, 0))
    assert (report.due, report.credited, report.points, report.failed) == (1, 1, 100, [])
    record = Record.objects.get(pk=record.pk)
    assert (record.state, record.points, record.rule_version) == ("credited", 100, "wendeng-rural@1")
    assert balance(world.wang) == 100
    assert tokens_of(record) == ["submitted", "verified", "published", "credited"]
    transfer = ledger_read.transfer_by_key(f"mint:record:{record.pk}")
    assert transfer is not None
    assert transfer.rule == f"wendeng-rural@1:{record.rule}"
    assert transfer.source == f"record:{record.pk}"
    (lot,) = ledger_read.lots_of(world.wang.wallet_key)
    assert (lot.expires_on, lot.remaining) == (dt.date(2027, 12, 31), 100)
    standing = selectors.standing_of(world.wang, 2026, on=dt.date(2026, 9, 29))
    assert (standing.earned_points, standing.score, standing.star, standing.label) == (100, 100_100, 2, "二星")
    assert Standing.objects.get().minutes == 240


def test_hours_below_the_next_point_count_towards_it(world: World) -> None:
    (first,) = world.credited(world.wang, minutes=150)
    assert (first.state, first.points, first.transfer_key) == ("credited", 0, "")
    assert ledger_read.transfer_by_key(first.mint_key) is None
    assert first.changes.last().code == "credited_nought"
    assert any(step["code"] == "to_next" for step in first.quote["steps"])

    (second,) = world.credited(world.wang, minutes=90, starts_at=at(21, 8), ends_at=at(21, 12))
    assert second.points == 100
    assert balance(world.wang) == 100
    assert selectors.hours_of(world.wang, 2026).credited == 240


def test_credit_is_priced_in_order_of_service_within_one_run(world: World) -> None:
    late = world.verified(world.wang, minutes=240, starts_at=at(22, 8), ends_at=at(22, 12))
    early = world.verified(world.wang, minutes=120, starts_at=at(20, 8), ends_at=at(20, 12))
    services.publish_notice(village=world.village, actor=world.admin, now=at(22, 13))
    report = services.credit_due(now=at(30))
    assert (report.credited, report.zero, report.points) == (2, 1, 100)
    assert Record.objects.get(pk=early[0].pk).points == 0
    assert Record.objects.get(pk=late[0].pk).points == 100


def test_reversal_takes_points_and_standing_back(world: World) -> None:
    (record,) = world.credited(world.wang)
    services.reverse_record(record=record, actor=world.verifier, reason="不在场")
    record = Record.objects.get(pk=record.pk)
    assert (record.state, record.minutes, record.points) == ("reversed", 240, 100)
    assert balance(world.wang) == 0
    assert Standing.objects.get().earned_points == 0
    assert record.changes.last().reason == "不在场"
    assert selectors.hours_of(world.wang, 2026).credited == 0
