"""From a promise to what is owed: kinds of cost, gifts, purposes, prices, undo, return, release."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from marketplace.funds import errors
from marketplace.funds.models import Commitment, DrawDown, DrawShare, Fund, Purpose, ServiceGift
from marketplace.funds.services import drawing, prices, promising, setup
from tests.factories.funds import Money, agree, free, hand_over, issue, left, owed, short, well
from timebank.common.errors import KeyConflict, WrongState
from timebank.registry.errors import NotAllowed

TODAY = timezone.localdate


@pytest.fixture(autouse=True)
def _no_floor(money: Money) -> None:
    """Let nothing here be refused for want of cover."""
    Fund.objects.update(floor_bp=0)


def kinds() -> list[tuple[str, int]]:
    return list(Commitment.objects.order_by("ticket_id").values_list("kind", "fen"))


def test_a_ticket_is_promised_drawn_and_owed(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    money.give(5000)
    issue(money, ticket, 1)
    assert kinds() == [("cash", 800)]
    assert owed(money.fund, money.world.bath) == 0
    made = hand_over(ticket, 1)
    assert (made.fen, made.short_fen, made.state) == (800, 0, "open")
    assert (owed(money.fund, money.world.bath), free(money.fund)) == (800, 4200)
    assert hand_over(ticket, 1) is None  # told twice
    assert owed(money.fund, money.world.bath) == 800
    well()


def test_kinds_of_cost(money: Money) -> None:
    world = money.world
    own = world.reward("借用工具", 0)
    agree(money, own, 0)
    agree(money, world.ticket, 800)
    for number, record in enumerate([world.soap, own, world.reward("没有约价", 0), world.ticket], 1):
        issue(money, record, number)
    assert kinds() == [("stock", 0), ("own", 0), ("unpriced", 0), ("cash", 800)]


def test_where_there_is_no_fund_nothing_is_promised_and_there_is_no_floor(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    issue(money, money.world.ticket, 1, village=money.world.other_village)
    assert kinds() == []
    assert hand_over(money.world.ticket, 1) is None


def test_the_villages_own_fund_pays_else_the_nearest_above(money: Money) -> None:
    town = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    agree(money, money.world.ticket, 800)
    issue(money, money.world.ticket, 1)
    issue(money, money.world.ticket, 2, village=money.world.other_village)
    assert list(Commitment.objects.order_by("ticket_id").values_list("fund", flat=True)) == [money.fund.pk, town.pk]


def test_given_units_are_used_before_money_is(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    gift = setup.give_service(
        fund=money.fund, stockrecord=ticket, units=2, actor=money.keeper, key=uuid.uuid4(), donor="春风公司"
    )
    issue(money, ticket, 1, 2, 3)
    assert kinds() == [("gift", 0), ("gift", 0), ("cash", 800)]
    assert Commitment.objects.get(ticket_id=1).donor == "春风公司"
    hand_over(ticket, 1)
    gift.refresh_from_db()
    assert (gift.promised, gift.delivered, owed(money.fund, money.world.bath)) == (1, 1, 0)
    promising.release(ticket_ids=[2, 3])
    drawing.undraw(ticket_id=1, n=1, actor=None)
    gift.refresh_from_db()
    assert (gift.promised, gift.delivered, gift.left) == (1, 0, 1)
    well()


def test_a_gift_is_never_promised_twice_even_by_a_stale_plan(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    setup.give_service(fund=money.fund, stockrecord=ticket, units=1, actor=money.keeper, key=uuid.uuid4())
    from marketplace.funds.types import Wanted
    from tests.factories.funds import handed

    want = [Wanted(ticket.pk, ticket.partner_id, ticket.product_id, 1, False)]
    plans = [
        promising.check_cover(village=money.world.village, age=70, wanted=want, on=TODAY()) for _number in range(2)
    ]
    for number, plan in enumerate(plans, 1):
        promising.commit(tickets=[handed(ticket, number)], stocked=[False], plan=plan)
    assert kinds() == [("gift", 0), ("cash", 800)]
    assert ServiceGift.objects.get().promised == 1


def test_the_name_on_a_ticket_is_that_of_the_purpose_with_money_left(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    p = money.purpose(products=[ticket.product_id], donor="东海公司")
    money.give(1000, p)
    issue(money, ticket, 1, 2)
    donors = list(Commitment.objects.order_by("ticket_id").values_list("purpose", "donor"))
    assert donors == [(p.pk, "东海公司"), (None, "")]


def test_the_purpose_of_a_draw_is_kept(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    p = money.purpose(products=[ticket.product_id], min_age=70)
    money.give(500, p)
    issue(money, ticket, 1)
    made = hand_over(ticket, 1)
    assert list(DrawShare.objects.values_list("purpose", "fen")) == [(p.pk, 500)]
    assert (made.short_fen, short(money.fund)) == (300, -300)


@pytest.mark.parametrize(
    ("_case", "facts", "matches"),
    [
        ("its reward", {"products": ["own"]}, True),
        ("another reward", {"products": [0]}, False),
        ("its supplier", {"partners": ["own"]}, True),
        ("another village", {"villages": [0]}, False),
        ("old enough", {"min_age": 70}, True),
        ("too young", {"min_age": 71}, False),
        ("not yet", {"opens_on": dt.date(2999, 1, 1)}, False),
        ("no more", {"closes_on": dt.date(2020, 1, 1)}, False),
        ("only for a project", {"pays_tickets": False}, False),
    ],
)
def test_what_a_purpose_pays(money: Money, _case: str, facts: dict[str, Any], matches: bool) -> None:
    ticket = money.world.ticket
    facts = {
        name: [ticket.product_id if name == "products" else ticket.partner_id] if value == ["own"] else value
        for name, value in facts.items()
    }
    agree(money, ticket, 800)
    p = money.purpose(**facts)
    money.give(10000, p)
    issue(money, ticket, 1)
    hand_over(ticket, 1)
    assert left(money.fund, p) == (9200 if matches else 10000)


def test_a_purpose_for_a_weekday_pays_on_that_day_only(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    p = money.purpose(weekdays=[TODAY().weekday()])
    money.give(10000, p)
    issue(money, ticket, 1, 2)
    hand_over(ticket, 1)
    hand_over(ticket, 2, on=TODAY() + dt.timedelta(days=1))
    assert (left(money.fund, p), short(money.fund)) == (9200, -800)


def test_a_hand_over_without_price_waits_and_is_posted_when_two_persons_priced_it(money: Money) -> None:
    ticket = money.world.ticket
    money.give(5000)
    issue(money, ticket, 1, 2)
    made = hand_over(ticket, 1)
    assert (made.state, made.fen, owed(money.fund, money.world.bath)) == ("unpriced", 0, 0)
    agree(money, ticket, 800)
    made.refresh_from_db()
    assert (made.state, made.fen, owed(money.fund, money.world.bath)) == ("open", 800, 800)
    assert kinds() == [("unpriced", 0), ("cash", 800)]  # the other still waits for its hand-over, at the new price
    well()


def test_what_the_village_bears_is_drawn_without_money(money: Money) -> None:
    ticket = money.world.ticket
    issue(money, ticket, 1)
    made = hand_over(ticket, 1)
    agree(money, ticket, 0)
    made.refresh_from_db()
    assert (made.state, owed(money.fund, money.world.bath)) == ("own", 0)
    well()


def test_undo_and_again(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    money.give(500)
    issue(money, ticket, 1)
    hand_over(ticket, 1)
    drawing.undraw(ticket_id=1, n=1, actor=None)
    assert (free(money.fund), short(money.fund), owed(money.fund, money.world.bath)) == (500, 0, 0)
    assert Commitment.objects.get().state == "open"
    hand_over(ticket, 1, n=2)
    assert (owed(money.fund, money.world.bath), short(money.fund)) == (800, -300)
    assert list(DrawDown.objects.order_by("n").values_list("n", "state")) == [(1, "reversed"), (2, "open")]
    well()


def test_a_release_lets_go_once(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    issue(money, money.world.ticket, 1, 2)
    hand_over(money.world.ticket, 1)
    assert promising.release(ticket_ids=[1, 2]) == 1  # what was handed over is owed
    assert promising.release(ticket_ids=[1, 2]) == 0
    well()


def test_a_return_into_a_closed_purpose_opens_it(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    p = money.purpose()
    money.give(800, p)
    issue(money, ticket, 1)
    hand_over(ticket, 1)
    setup.close_purpose(purpose=p, actor=money.keeper, reason="用完")
    drawing.return_(ticket_id=1, restock=False, actor=money.keeper, reason="毛巾破损")
    p.refresh_from_db()
    assert (p.state, left(money.fund, p), owed(money.fund, money.world.bath)) == (Purpose.State.OPEN, 800, 0)
    assert drawing.return_(ticket_id=1, restock=False, actor=money.keeper, reason="again") is None
    well()


def test_a_purpose_with_money_left_is_not_closed(money: Money) -> None:
    p = money.purpose()
    money.give(1, p)
    with pytest.raises(WrongState):
        setup.close_purpose(purpose=p, actor=money.keeper, reason="x")


# -- Prices ------------------------------------------------------------------------------------------------------------
def test_a_price_needs_two_persons_with_the_right(money: Money) -> None:
    ticket = money.world.ticket
    price = prices.propose_price(stockrecord=ticket, fen=800, valid_from=TODAY(), actor=money.keeper, key=uuid.uuid4())
    with pytest.raises(NotAllowed):
        prices.decide_price(price=price, actor=money.keeper)
    with pytest.raises(NotAllowed):
        prices.decide_price(price=price, actor=money.world.admin)
    with pytest.raises(NotAllowed):
        prices.propose_price(stockrecord=ticket, fen=1, valid_from=TODAY(), actor=money.world.admin, key=uuid.uuid4())
    price.refresh_from_db()
    assert price.state == "prepared"


def test_a_new_price_ends_the_one_before(money: Money) -> None:
    first = agree(money, money.world.ticket, 800)
    day = TODAY() + dt.timedelta(days=10)
    agree(money, money.world.ticket, 850, day)
    first.refresh_from_db()
    assert first.valid_until == day - dt.timedelta(days=1)


def test_days_that_have_a_price_keep_it(money: Money) -> None:
    agree(money, money.world.ticket, 800)
    with pytest.raises(errors.PriceOverlap):
        agree(money, money.world.ticket, 850, TODAY() - dt.timedelta(days=1))
    with pytest.raises(errors.PriceOverlap):
        agree(money, money.world.ticket, 850, TODAY() + dt.timedelta(days=1), TODAY() + dt.timedelta(days=9))


def test_the_same_form_twice_is_one_price(money: Money) -> None:
    key = uuid.uuid4()
    facts = {"stockrecord": money.world.ticket, "valid_from": TODAY(), "actor": money.keeper, "key": key}
    first = prices.propose_price(fen=800, **facts)
    assert prices.propose_price(fen=800, **facts).pk == first.pk
    with pytest.raises(KeyConflict):
        prices.propose_price(fen=801, **facts)


def test_a_ticket_handed_over_later_costs_what_is_agreed_for_that_day(money: Money) -> None:
    ticket = money.world.ticket
    day = TODAY() + dt.timedelta(days=3)
    agree(money, ticket, 800)
    agree(money, ticket, 850, day)
    issue(money, ticket, 1, 2)
    assert hand_over(ticket, 1).fen == 800
    assert hand_over(ticket, 2, on=day).fen == 850


def test_open_promises_follow_the_price_of_the_day(money: Money) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, 1)
    agree(money, ticket, 850, TODAY() + dt.timedelta(days=3))
    assert prices.reprice() == 0
    assert prices.reprice(today=TODAY() + dt.timedelta(days=3)) == 1
    assert kinds() == [("cash", 850)]
