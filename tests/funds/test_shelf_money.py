"""Where goods begin, where they go to and in part come back from, with their value: every figure to the fen."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.funds.errors import EvidenceMissing
from marketplace.funds.models import Batch, DrawDown, Fund, ServiceGift
from marketplace.funds.services import goods, moving, setup
from marketplace.partner.models import StockRecord
from marketplace.partner.services import create_partner
from marketplace.rewards import errors
from marketplace.rewards import services as rewards
from marketplace.rewards.models import OpeningCountLine, StockMovement, StockTransfer, TicketReturn
from marketplace.rewards.selectors.stock import uncounted
from marketplace.rewards.services import opening, transfers
from tests.factories.funds import Money, agree, free, owed, total, well
from tests.factories.rewards import (
    assert_stock_is_its_history,
    counters,
    escrow_of,
    give,
    points_of,
    redeemed_of,
)
from tests.funds.test_returns import handed_over
from tests.funds.test_settlement import approved, later, paid_account, send, statement
from timebank.common.errors import SamePerson
from timebank.ledger import selectors as ledger_read
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed

TODAY = timezone.localdate


@pytest.fixture
def money(money: Money) -> Money:
    Fund.objects.update(floor_bp=0)
    world = money.world
    world.people["committee"] = world.staff("监委会委员", "supervisor")
    world.people["far_keeper"] = world.staff("寨西保管员", "stock_keeper", region=world.other_village)
    world.people["far_shop"] = create_partner(name="寨西超市", village=world.other_village)
    return money


def on_shelves(*partners: Any) -> int:
    """Return what the goods of these suppliers are worth in the ledger, fen."""
    return sum(total(f"stock:{partner.pk}") for partner in partners)


# -- Goods and money from before ---------------------------------------------------------------------------------------
def test_a_first_count_is_in_stock_once_another_has_confirmed_it_and_is_no_gain(money: Money) -> None:
    world = money.world
    salt, tea = (world.reward(title, 100, stock=0) for title in ("盐", "茶"))
    assert set(uncounted(world.village)) == {salt, tea}  # what was received already is counted as usual

    def count(*rows: tuple[StockRecord, int], **more: Any) -> Any:
        given = {"partner": world.shop, "counted_on": TODAY(), "paper": "盘点表", "actor": world.keeper}
        return opening.count_opening(counted=list(rows), **{**given, **more})

    for wrong, error in (
        ({"actor": world.admin}, NotAllowed),
        ({"counted_on": TODAY() + dt.timedelta(days=1)}, errors.CountedLater),
        ({"partner": world.bath}, errors.InvalidQuantity),
    ):
        with pytest.raises(error):
            count((salt, 5), **wrong)
    with pytest.raises(errors.CountedAlready) as refused:
        count((salt, 5), (world.soap, 5))
    assert refused.value.field == f"row{world.soap.pk}"
    assert "香皂" in str(refused.value)
    declined = count((salt, 7), (tea, 0))
    with pytest.raises(errors.CountedAlready):
        count((salt, 5))
    opening.decide_opening(count=declined, actor=world.admin, approve=False, reason="数错了")
    made = count((salt, 5), (tea, 0))
    assert counters(salt) == (0, 0)
    with pytest.raises(NotAllowed):
        opening.decide_opening(count=made, actor=world.keeper, approve=True)
    opening.decide_opening(count=made, actor=world.committee, approve=True)
    with pytest.raises(errors.CountDecided):
        opening.decide_opening(count=made, actor=world.admin, approve=True)
    assert counters(salt) == (5, 0)
    assert_stock_is_its_history(salt)
    assert list(StockMovement.objects.filter(stockrecord=salt).values_list("kind", "quantity")) == [("opening", 5)]
    assert not StockMovement.objects.filter(stockrecord=tea).exists()
    batch = Batch.objects.get(stockrecord=salt)
    assert (batch.source, batch.fen, batch.valued_at) == ("opening", 0, None)
    goods.value_batch(batch=batch, fen=1000, actor=money.keeper, reason="2026 年 2 月发票")
    assert on_shelves(world.shop) == 1000
    assert OpeningCountLine.objects.filter(is_live=True).count() == 2
    well()


def test_a_first_count_is_not_confirmed_over_goods_that_came_meanwhile(money: Money) -> None:
    world = money.world
    salt = world.reward("盐", 100, stock=0)
    made = opening.count_opening(partner=world.shop, counted=[(salt, 5)], counted_on=TODAY(), actor=world.keeper)
    rewards.receive_stock(stockrecord=salt, quantity=2, actor=world.keeper)
    with pytest.raises(errors.CountedAlready):
        opening.decide_opening(count=made, actor=world.admin, approve=True)
    assert counters(salt) == (2, 0)


def test_money_from_before_wants_its_paper_and_two_persons(money: Money) -> None:
    facts = {"kind": "opening", "fen": 50000, "booked_on": TODAY(), "fund": money.fund, "actor": money.keeper}
    with pytest.raises(EvidenceMissing):
        moving.record_line(**facts, key=uuid.uuid4())
    line = moving.record_line(**facts, note="交接单 2026-01", key=uuid.uuid4())  # in cash
    assert free(money.fund) == 0
    moving.decide_line(line=line, actor=money.town)
    assert free(money.fund) == 50000
    assert total(money.fund.cash_key) == -50000
    well()


# -- From village to village -------------------------------------------------------------------------------------------
def stocked(money: Money) -> StockRecord:
    """Return soap of which three were bought for 10.00 and four given by a firm, valued at 8.00; ten more are old."""
    world = money.world
    setup.open_fund(region=world.other_village, bank_account=money.bank, actor=money.town)
    rewards.receive_stock(stockrecord=world.soap, quantity=3, cost_fen=1000, actor=world.keeper)
    gift = rewards.receive_stock(
        stockrecord=world.soap,
        quantity=4,
        actor=world.keeper,
        source=Batch.Source.DELIVERY,
        donor="文登制皂厂",
        reference="delivery:7",
        use_by=dt.date(2027, 3, 1),
    )
    goods.value_batch(batch=Batch.objects.get(movement_id=gift.pk), fen=800, actor=money.keeper, reason="两份报价")
    return world.soap


def sent(money: Money, quantity: int, **more: Any) -> StockTransfer:
    given = {"stockrecord": money.world.soap, "target": money.world.far_shop, "actor": money.world.keeper}
    return transfers.send_stock(quantity=quantity, **{**given, **more})


def test_goods_travel_with_their_value_and_their_donor(money: Money) -> None:
    """Of 5 sent: 4 of the gift at 8.00 (used first) and 1 bought at 3.33. One is lost on the way, at no value."""
    soap, world = stocked(money), money.world
    before = counters(soap)[0]
    made = sent(money, 5)
    assert counters(soap) == (before - 5, 0)
    assert (on_shelves(world.shop), on_shelves(world.far_shop)) == (1800 - 800 - 333, 0)
    transfers.receive_transfer(transfer=made, counted=4, difference="一块压碎", actor=world.far_keeper)
    made.refresh_from_db()
    there = made.arrived_at
    assert (there.partner, there.product_id, there.price) == (world.far_shop, soap.product_id, None)
    assert counters(there) == (4, 0)
    lost = made.write_off
    assert (lost.kind, lost.missing, lost.reason, lost.stockrecord) == ("lost", 1, "一块压碎", there)
    registry.grant_role(user=world.keeper, role="supervisor", actor=None, region=world.other_village)
    for wrong, error in ((world.keeper, SamePerson), (world.far_keeper, NotAllowed)):  # neither end alone
        with pytest.raises(error):
            rewards.decide_write_off(asked=lost, actor=wrong, approve=True)
    rewards.decide_write_off(asked=lost, actor=money.town, approve=True)
    for record in (soap, there):
        assert_stock_is_its_history(record)
    batch = Batch.objects.get(stockrecord=there)
    assert (batch.source, batch.units, batch.fen, batch.donor, batch.reference, batch.use_by) == (
        "moved", 4, 800, "文登制皂厂", "delivery:7", dt.date(2027, 3, 1),
    )  # fmt: skip
    assert batch.fund.region == world.other_village
    assert (on_shelves(world.shop), on_shelves(world.far_shop)) == (667, 800)
    well()


def test_more_than_was_sent_is_worth_nothing_until_somebody_says_why(money: Money) -> None:
    soap, world = stocked(money), money.world
    made = sent(money, 1)
    with pytest.raises(errors.DifferenceUnexplained):
        transfers.receive_transfer(transfer=made, counted=3, actor=world.far_keeper)
    transfers.receive_transfer(transfer=made, counted=3, difference="多装两块", actor=world.far_keeper)
    there = StockRecord.objects.get(partner=world.far_shop)
    assert counters(there) == (3, 0)
    assert set(Batch.objects.filter(stockrecord=there).values_list("source", "units", "fen")) == {
        ("moved", 1, 200),
        ("count", 2, 0),
    }
    assert_stock_is_its_history(soap)
    well()


def test_a_sending_taken_back_lies_where_it_lay(money: Money) -> None:
    soap, world = stocked(money), money.world
    before, value = counters(soap), on_shelves(world.shop)
    batches = list(Batch.objects.order_by("pk").values_list("units_left", "fen_left"))
    made = sent(money, 6)
    transfers.cancel_transfer(transfer=made, actor=world.keeper)
    assert (counters(soap), on_shelves(world.shop)) == (before, value)
    assert list(Batch.objects.order_by("pk").values_list("units_left", "fen_left")) == batches
    for late in (
        lambda: transfers.cancel_transfer(transfer=made, actor=world.keeper),
        lambda: transfers.receive_transfer(transfer=made, counted=6, actor=world.far_keeper),
    ):
        with pytest.raises(errors.TransferClosed):
            late()
    assert_stock_is_its_history(soap)
    well()


def test_who_may_send_what_where(money: Money) -> None:
    soap, world = stocked(money), money.world
    world.redeem(world.sister, (soap, 2))
    free_units = counters(soap)[0] - 2
    far_town = create_partner(name="镇供销社", village=world.town)
    for wrong, error in (
        ({"actor": world.far_keeper}, NotAllowed),
        ({"actor": world.admin}, NotAllowed),
        ({"quantity": free_units + 1}, errors.StockTooLow),
        ({"quantity": 0}, errors.InvalidQuantity),
        ({"target": world.bath}, errors.WrongTarget),  # the same village
        ({"target": far_town}, errors.WrongTarget),  # no village
    ):
        with pytest.raises(error):
            sent(money, **{"quantity": 1, **wrong})
    agree(money, world.rice, 4000)  # the supplier's own: paid for when it is handed over
    with pytest.raises(errors.SupplierOwns):
        sent(money, 1, stockrecord=world.rice)
    both = world.staff("两村保管员", "stock_keeper", region=world.town)  # keeps both shelves
    made = sent(money, free_units, actor=both)
    for wrong in (world.keeper, world.admin):
        with pytest.raises(NotAllowed):
            transfers.receive_transfer(transfer=made, counted=free_units, actor=wrong)
    with pytest.raises(errors.BothEnds):
        transfers.receive_transfer(transfer=made, counted=free_units, actor=both)
    for forged in ({"quantity": 1}, {"sent_by": world.far_keeper}, {"target": world.bath}):
        with pytest.raises(IntegrityError), transaction.atomic():
            StockTransfer.objects.filter(pk=made.pk).update(**forged)
    with pytest.raises(IntegrityError), transaction.atomic():
        made.movement.delete()
    transfers.cancel_transfer(transfer=made, actor=both)
    with pytest.raises(IntegrityError), transaction.atomic():  # what was decided stays decided
        StockTransfer.objects.filter(pk=made.pk).update(state="sent", closed_by=None, closed_at=None)
    well()


# -- Some pieces of a ticket come back ---------------------------------------------------------------------------------
def part_back(money: Money, ticket: Any, pieces: int, *, restock: bool = False) -> Any:
    asked = rewards.ask_return(ticket=ticket, actor=money.world.admin, reason="坏了", restock=restock, quantity=pieces)
    rewards.decide_return(asked=asked, actor=money.world.committee, approve=True)
    ticket.refresh_from_db()
    return ticket


@pytest.mark.parametrize(("restock", "shelf", "value"), [(True, 11, 334), (False, 10, 0)])
def test_one_piece_of_three_goes_back_and_then_the_rest(money: Money, restock: bool, shelf: int, value: int) -> None:
    """Three bought for 10.00 and handed over at 15.00 points: a piece gives back 5.00; the two that stay cost 6.66."""
    world = money.world
    money.give(10000)
    rewards.receive_stock(stockrecord=world.soap, quantity=3, cost_fen=1000, actor=world.keeper)
    give(world.sister, 300, expires_on=TODAY() + dt.timedelta(days=400))
    lots = ledger_read.lots_of(world.sister.wallet_key)
    ticket = handed_over(money, world.soap, 3)
    spent = points_of(world.sister)
    part_back(money, ticket, 1, restock=restock)
    assert (ticket.state, ticket.quantity, ticket.points) == ("handed_over", 2, 1000)
    assert points_of(world.sister) == spent + 500
    assert (escrow_of(world.shop), redeemed_of(world.shop)) == (0, 1000)
    assert (counters(world.soap)[0], on_shelves(world.shop)) == (shelf, value)
    assert_stock_is_its_history(world.soap)
    assert TicketReturn.objects.get().points == 500
    assert ticket.events.filter(what="some_return").count() == 1
    well()
    with pytest.raises(errors.InvalidQuantity):
        part_back(money, ticket, 3)
    part_back(money, ticket, 1, restock=restock)
    part_back(money, ticket, 1, restock=restock)
    assert (ticket.state, ticket.redemption.state) == ("returned", "returned")
    assert ledger_read.lots_of(world.sister.wallet_key) == lots
    assert redeemed_of(world.shop) == 0
    assert (counters(world.soap)[0], on_shelves(world.shop)) == ((13, 1000) if restock else (10, 0))
    assert_stock_is_its_history(world.soap)
    well()


def test_the_fund_owes_for_what_stays_paid_already_or_not(money: Money) -> None:
    """Three towels at 40.00, of a purpose first: one brought back before its statement, one after it was paid."""
    world, purpose = money.world, money.purpose("毛巾")
    towel = world.reward("毛巾", 500, partner=world.bath, stock=5)  # the bath house's own
    agree(money, towel, 4000)
    money.give(5000, purpose)
    money.give(100000)
    paid_account(money)
    ticket = handed_over(money, towel, 3)
    assert owed(money.fund, world.bath) == 12000
    part_back(money, ticket, 1)
    assert owed(money.fund, world.bath) == 8000
    live = DrawDown.objects.exclude(state="reversed").get()
    assert dict(live.shares.values_list("purpose", "fen")) == {purpose.pk: 5000, None: 3000}
    well()
    DrawDown.objects.update(drawn_at=later(minutes=-30))
    first = statement(money)
    assert first.fen == 8000
    send(money, approved(money, first))
    part_back(money, ticket, 1)
    assert owed(money.fund, world.bath) == -4000
    well()
    handed_over(money, towel, 2)
    DrawDown.objects.update(drawn_at=later(minutes=-30))
    second = statement(money)
    assert second.fen == 4000 + 8000 - 8000  # the towel that stayed, two new ones, less what was paid for two
    send(money, approved(money, second))
    assert owed(money.fund, world.bath) == 0
    well()


def test_pieces_of_a_given_service_are_left_again(money: Money) -> None:
    record = money.world.reward("理发", 500, partner=money.world.bath)
    setup.give_service(fund=money.fund, stockrecord=record, units=4, actor=money.keeper, key=uuid.uuid4())
    ticket = handed_over(money, record)
    assert ServiceGift.objects.get().left == 3
    with pytest.raises(errors.InvalidQuantity):
        part_back(money, ticket, 2)
    part_back(money, ticket, 1, restock=True)
    assert ServiceGift.objects.get().left == 4
    well()


def test_who_asked_for_a_return_can_withdraw_it(money: Money) -> None:
    world = money.world
    ticket = handed_over(money, world.soap, 2)
    asked = rewards.ask_return(ticket=ticket, actor=world.admin, reason="坏了", restock=False, quantity=1)
    with pytest.raises(errors.NotYourRequest):
        rewards.withdraw_return(asked=asked, actor=world.keeper)
    rewards.withdraw_return(asked=asked, actor=world.admin)
    with pytest.raises(errors.ReturnDecided):
        rewards.decide_return(asked=asked, actor=world.committee, approve=True)
    with pytest.raises(errors.ReturnDecided):
        rewards.withdraw_return(asked=asked, actor=world.admin)
    again = rewards.ask_return(ticket=ticket, actor=world.admin, reason="坏了", restock=False)
    with pytest.raises((SamePerson, NotAllowed)):
        rewards.decide_return(asked=again, actor=world.admin, approve=True)
    assert again.quantity == 2
