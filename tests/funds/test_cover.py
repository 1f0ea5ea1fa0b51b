"""How far a fund covers its points: the example of the design, the floor, what stays open, the queue."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from marketplace.funds import errors, posting
from marketplace.funds.models import CoverageSnapshot, QueuedRedemption
from marketplace.funds.selectors.coverage import figures_of, history
from marketplace.funds.services import cover, goods, prices, promising, queue, setup, terms
from marketplace.funds.types import Wanted
from tests.factories.funds import Money, agree, issue, well
from tests.factories.rewards import give
from timebank.common import sweeps
from timebank.common.errors import WrongState
from timebank.common.models import Event


@pytest.fixture
def example(money: Money) -> Money:
    """Example of the design: free 6,200.00; P 490.70; 20 baths × 8.00; 15 haircuts × 12.00; stock; 40 given."""
    world = money.world
    haircut = world.reward("理发", 1500)
    agree(money, world.ticket, 800)
    agree(money, haircut, 1200)
    p = money.purpose(products=[world.ticket.product_id])
    money.give(620000 + 300000 + 231040)
    money.give(49070, p)
    posting.take(fund=money.fund, fen=300000, to="transit", key="x", kind="test", actor="user:1", source="test")
    issue(money, world.ticket, *range(1, 21))
    issue(money, haircut, *range(21, 36))
    setup.give_service(fund=money.fund, stockrecord=haircut, units=40, actor=money.keeper, key=uuid.uuid4())
    goods.stock_received(stockrecord=world.rice, movement_id=1, units=5, cost_fen=231040, actor=None)
    give(world.sister, 1248050 - 10000)
    return money


@pytest.mark.money_without_rows("the figures of the design are posted as they are")
def test_the_example(example: Money) -> None:
    figures = figures_of(example.fund)
    assert (figures.free, figures.shortfall) == (620000, 0)
    assert (figures.purposes, figures.earmarked) == (16000, 33070)
    assert (figures.stock, figures.gifts, figures.commitments) == (231040, 48000, 34000)
    assert figures.points == 1248050
    assert figures.cover == 881040
    assert figures.bp == 7059


@pytest.mark.money_without_rows("the figures of the design are posted as they are")
def test_it_takes_three_statements(example: Money, query_budget: Any) -> None:
    with query_budget(3):
        figures_of(example.fund)


def test_nothing_outstanding(money: Money) -> None:
    from timebank.ledger import services as ledger
    from timebank.ledger.types import Leg, TransferSpec

    legs = (Leg(money.world.sister.wallet_key, f"issuance:region:{money.world.village.pk}", 10000),)
    ledger.post(TransferSpec("x", "test", legs))
    assert figures_of(money.fund).bp is None


def test_promised_goods_are_not_counted(money: Money) -> None:
    rice = money.world.rice
    money.give(100000)
    goods.stock_received(stockrecord=rice, movement_id=1, units=5, cost_fen=1001, actor=None)
    type(rice).objects.filter(pk=rice.pk).update(num_allocated=2)
    assert figures_of(money.fund).stock == 600  # ⌊1001 × 3 ÷ 5⌋


def test_points_of_residents_with_a_nearer_fund_are_not_the_towns(money: Money) -> None:
    town = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    money.world.resident("寨西人", points=700, village=money.world.other_village)
    assert (figures_of(town).points, figures_of(money.fund).points) == (700, 10000)


def test_what_expires_soon_is_shown_beside(money: Money) -> None:
    give(money.world.sister, 300, expires_on=timezone.localdate() + dt.timedelta(days=30))
    figures = figures_of(money.fund)
    assert (figures.points, figures.expiring) == (10300, 300)


def below_floor(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    money.give(5999)  # of 100.00
    assert cover.take_snapshot(fund=money.fund).bp == 5999


def test_below_the_floor_lines_that_draw_money_are_refused(money: Money) -> None:
    below_floor(money)
    with pytest.raises(errors.FundNotCovered) as refused:
        issue(money, money.world.ticket, 1)
    assert refused.value.params["stockrecords"] == [money.world.ticket.pk]
    issue(money, money.world.soap, 2)  # goods lie there already
    money.give(1)
    cover.take_snapshot(fund=money.fund)
    issue(money, money.world.ticket, 3)


def test_a_given_service_stays_open(money: Money) -> None:
    below_floor(money)
    setup.give_service(fund=money.fund, stockrecord=money.world.ticket, units=2, actor=money.keeper, key=uuid.uuid4())
    issue(money, money.world.ticket, 1, 2)
    with pytest.raises(errors.FundNotCovered):
        issue(money, money.world.ticket, 3)


def test_what_a_purpose_pays_stays_open_as_long_as_it_lasts(money: Money) -> None:
    below_floor(money)
    p = money.purpose(products=[money.world.ticket.product_id])
    money.give(1600, p)
    issue(money, money.world.ticket, 1)
    issue(money, money.world.ticket, 2)
    with pytest.raises(errors.FundNotCovered):
        issue(money, money.world.ticket, 3)


def test_what_is_everybodys_right_stays_open(money: Money) -> None:
    record = money.world.reward("普惠体检", 0)
    terms.declare_basic(fund=money.fund, product_id=record.product_id, actor=money.town, reason="村民代表会议")
    agree(money, record, 5000)
    below_floor(money)
    issue(money, record, 1)


def test_an_old_snapshot_is_computed_anew_nobody_is_refused_by_it(money: Money) -> None:
    below_floor(money)
    CoverageSnapshot.objects.update(taken_at=timezone.now() - dt.timedelta(minutes=6))
    money.give(100000)
    issue(money, money.world.ticket, 1)
    assert CoverageSnapshot.objects.order_by("-pk")[0].bp > 10000


def test_a_fresh_snapshot_is_believed(money: Money) -> None:
    below_floor(money)
    money.give(100000)
    with pytest.raises(errors.FundNotCovered):
        issue(money, money.world.ticket, 1)


def test_the_check_and_the_promise_cost_few_statements(money: Money, query_budget: Any) -> None:
    agree(money, money.world.ticket, 800)
    money.give(100000)
    cover.take_snapshot(fund=money.fund)
    record = money.world.ticket
    want = [Wanted(record.pk, record.partner_id, record.product_id, 1, False)]
    with query_budget(4):
        plan = promising.check_cover(village=money.world.village, age=70, wanted=want, on=timezone.localdate())
    from tests.factories.funds import handed

    with query_budget(3):  # of these a savepoint and its release
        promising.commit(tickets=[handed(record, 1)], stocked=[False], plan=plan)


def test_one_snapshot_a_day_is_kept(money: Money) -> None:
    now = timezone.now()
    for days, minutes in ((5, 0), (5, 10), (4, 0), (0, 0), (0, 10)):
        cover.take_snapshot(fund=money.fund, now=now - dt.timedelta(days=days, minutes=minutes))
    sweeps.run(cover.COVER, now=now)
    assert CoverageSnapshot.objects.count() == 5 - 1 + 1
    assert len(history(money.fund)) in {3, 4}  # midnight may lie between the two of today


# -- The queue ---------------------------------------------------------------------------------------------------------
def keep(money: Money, cash: int) -> QueuedRedemption:
    return queue.keep_wanted(
        resident=money.world.sister,
        fund=money.fund,
        lines=[(money.world.ticket.pk, cash // 800, 1000)],
        cash_fen=cash,
        actor=money.world.clerk,
        key=uuid.uuid4(),
    )


def offered() -> int:
    return sum(sweeps.run(queue.OFFER_KEPT).results)


def test_what_was_kept_is_offered_in_order_as_far_as_the_cover_reaches(money: Money) -> None:
    first, second, third = keep(money, 1600), keep(money, 2400), keep(money, 800)
    money.give(5999)
    assert offered() == 0
    money.give(2000)  # 79.99 of 100.00: room for 19.99
    assert offered() == 1
    for kept in (first, second, third):
        kept.refresh_from_db()
    assert [kept.state for kept in (first, second, third)] == ["ready", "waiting", "waiting"]  # nobody overtakes
    assert first.points == 2000
    money.give(100000)
    assert offered() == 2
    told = Event.objects.filter(kind="kept_ready").order_by("pk")
    assert [event.facts["points"] for event in told] == [2000, 3000, 1000]  # each is told, once
    well()


def test_what_was_kept_lapses_and_takes_no_points(money: Money) -> None:
    from tests.factories.rewards import points_of

    kept = keep(money, 800)
    assert points_of(money.world.sister) == 10000
    assert sweeps.run(queue.LAPSE_KEPT, now=timezone.now() + dt.timedelta(days=14)).handled == 0
    assert sweeps.run(queue.LAPSE_KEPT, now=timezone.now() + dt.timedelta(days=15)).handled == 1
    kept.refresh_from_db()
    with pytest.raises(WrongState):
        queue.close_kept(kept=kept, to="redeemed")


def test_prices_do_not_change_the_cover_of_another_fund(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    assert prices.funds_near(money.world.village.path) == [money.fund]
