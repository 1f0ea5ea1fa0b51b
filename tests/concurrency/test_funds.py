"""Many at once on money. Every promise has its race here, and a control that shows the race with the guard off."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from marketplace.funds import book, posting
from marketplace.funds.models import Commitment, DrawDown, Fund, ServiceGift, Statement
from marketplace.funds.services import drawing, payouts, promising, setup, statements
from marketplace.funds.types import Wanted
from marketplace.order.models import Order
from marketplace.rewards.models import Ticket
from tests.factories.funds import ACTOR, Money, agree, free, handed, issue, owed, short, total, well
from tests.funds.test_settlement import approved, paid_account
from tests.support import worlds
from tests.support.killing import Killed, killed_after

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pg_only("SQLite has one writer: there is no race to show"),
]


made = worlds.fixture("made", "tests.factories.funds.make")


@pytest.fixture
def money(made: Money) -> Money:
    Fund.objects.update(floor_bp=0)
    return made


def test_eight_hand_overs_of_a_nearly_empty_fund(money: Money, run_concurrently: Any) -> None:
    """20.00 for eight baths of 8.00: each supplier is owed all, and the fund owes exactly what is missing."""
    ticket = money.world.ticket
    agree(money, ticket, 800)
    money.give(2000)
    issue(money, ticket, *range(1, 9))
    answer = run_concurrently(lambda number: drawing.draw(handed=handed(ticket, number + 1), actor=None), 8)
    assert answer.errors == []
    assert (owed(money.fund, money.world.bath), free(money.fund), short(money.fund)) == (6400, 0, -4400)
    well()


def test_one_ticket_handed_over_at_eight_counters_is_owed_once(money: Money, run_concurrently: Any) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, 1)
    run_concurrently(lambda _number: drawing.draw(handed=handed(ticket, 1), actor=None), 8)
    assert (DrawDown.objects.count(), owed(money.fund, money.world.bath)) == (1, 800)


@pytest.mark.money_without_rows("a control: the guard is off")
def test_without_the_lock_and_the_row_only_the_key_stands(money: Money, run_concurrently: Any) -> None:
    """Control: with another key for each, eight counters owe eight times."""
    ticket = money.world.ticket
    posting.open_payables(funds=[money.fund], partners=[ticket.partner_id])

    def draw(number: int) -> None:
        book.draw(fund=money.fund, partner_id=ticket.partner_id, fen=800, ticket_id=1, n=number + 1, actor=ACTOR)

    run_concurrently(draw, 8)
    assert owed(money.fund, money.world.bath) == 6400


def test_twenty_returns_of_one_webhook_book_it_once(money: Money, run_concurrently: Any) -> None:
    def receive(_number: int) -> Any:
        return book.receive(
            fund=money.fund, asset=posting.STRIPE, fen=100000, fee_fen=2930, key="stripe:txn_1", actor=ACTOR, source="p"
        )

    answer = run_concurrently(receive, 20)
    assert answer.errors == []
    assert sum(not one.replayed for one in answer.results) == 1
    assert (free(money.fund), total(posting.STRIPE)) == (97070, -97070)


def test_inflows_level_what_is_owed_exactly(money: Money, run_concurrently: Any) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, 1)
    drawing.draw(handed=handed(ticket, 1), actor=None)
    answer = run_concurrently(lambda number: money.give(500, key=f"payment:{number}"), 6)
    assert answer.errors == []
    assert (short(money.fund), free(money.fund)) == (0, 2200)
    well()


@pytest.mark.money_without_rows("a control: the guard is off")
def test_without_the_funds_lock_levelling_goes_wrong(
    money: Money, run_concurrently: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: each looks at what is owed before any has paid; together they pay it several times."""
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, 1)
    drawing.draw(handed=handed(ticket, 1), actor=None)
    barrier = threading.Barrier(3, timeout=20)
    balance_of = posting.ledger_read.balance_of

    def look(key: str) -> Any:
        found = balance_of(key)
        if key == money.fund.shortfall_key:
            barrier.wait()
        return found

    monkeypatch.setattr(posting, "lock_fund", lambda fund: fund)
    monkeypatch.setattr(posting.ledger_read, "balance_of", look)

    def give(number: int) -> None:
        # as two processes do that have each booked their own inflow already
        posting.level(fund=money.fund, key=f"x:{number}", actor=ACTOR, source="x")

    posting.post_money(
        key="in",
        kind="donation",
        legs=[posting.Leg(money.bank.asset_key, money.fund.wallet_key, 5000)],
        actor=ACTOR,
        source="x",
    )
    run_concurrently(give, 3)
    monkeypatch.undo()
    assert short(money.fund) == 1600  # paid three times: the fund seems to be owed money


def test_the_last_given_haircut_is_promised_once(money: Money, run_concurrently: Any) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    setup.give_service(fund=money.fund, stockrecord=ticket, units=1, actor=money.keeper, key=uuid.uuid4())
    barrier = threading.Barrier(8, timeout=20)

    def redeem(number: int) -> None:
        want = [Wanted(ticket.pk, ticket.partner_id, ticket.product_id, 1, False)]
        with transaction.atomic():
            plan = promising.check_cover(village=money.world.village, age=70, wanted=want, on=timezone.localdate())
            barrier.wait()
            promising.commit(tickets=[handed(ticket, number + 1)], stocked=[False], plan=plan)

    assert run_concurrently(redeem, 8).errors == []
    assert ServiceGift.objects.get().promised == 1
    assert sorted(Commitment.objects.values_list("kind", flat=True)) == ["cash"] * 7 + ["gift"]


def test_a_line_stands_on_one_statement(money: Money, run_concurrently: Any) -> None:
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, *range(1, 6))
    for number in range(1, 6):
        drawing.draw(handed=handed(ticket, number), actor=None)
    DrawDown.objects.update(drawn_at=timezone.now() - dt.timedelta(hours=1))
    today = timezone.localdate()
    run_concurrently(lambda _number: statements.issue_statements(first_day=today.replace(day=1), last_day=today), 6)
    assert Statement.objects.count() == 1
    assert Statement.objects.get().fen == 4000


def test_a_payout_is_paid_once_and_a_file_written_once(money: Money, run_concurrently: Any) -> None:
    money.give(10000)
    paid_account(money)
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, 1)
    drawing.draw(handed=handed(ticket, 1), actor=None)
    DrawDown.objects.update(drawn_at=timezone.now() - dt.timedelta(hours=1))
    today = timezone.localdate()
    (made,) = statements.issue_statements(first_day=today.replace(day=1), last_day=today)
    payout = approved(money, made).payouts.get()
    written = run_concurrently(
        lambda _number: payouts.write_bank_file(
            bank_account=money.bank, payout_ids=[payout.pk], actor=money.keeper, key=uuid.uuid4()
        ),
        6,
    )
    assert len(written.results) == 1
    paid = run_concurrently(lambda _number: payouts.confirm_paid(payout=payout, actor=money.keeper), 6)
    assert len(paid.results) == 1
    assert total(money.bank.asset_key) == -9200
    well()


def test_draws_in_opposite_order_do_not_wait_for_each_other_for_ever(money: Money, run_concurrently: Any) -> None:
    """Purposes of the town and the village: both wallets are locked in ascending order, whatever the order of use."""
    town = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    Fund.objects.update(floor_bp=0)
    p, q = money.purpose(), money.purpose("全镇", fund=town)
    q.fund = town
    agree(money, money.world.ticket, 800)
    for _number in range(4):
        money.give(500, p)
        money.give(500, q, fund=town)
    issue(money, money.world.ticket, *range(1, 9))

    def work(number: int) -> None:
        if number % 2:
            drawing.draw(handed=handed(money.world.ticket, number + 1), actor=None)
        else:
            book.allocate(source_fund=town, target=money.fund, fen=100, number=number + 1, actor=ACTOR, purpose=q)

    answer = run_concurrently(work, 8)
    assert [type(one).__name__ for one in answer.errors if "Spent" not in type(one).__name__] == []
    well()


def test_a_worker_killed_in_the_middle_of_settling_leaves_whole_statements(money: Money) -> None:
    """Ten times the work breaks off at another statement; afterwards nothing is twice, nothing is missing."""
    ticket = money.world.ticket
    agree(money, ticket, 800)
    issue(money, ticket, *range(1, 4))
    for number in range(1, 4):
        drawing.draw(handed=handed(ticket, number), actor=None)
    DrawDown.objects.update(drawn_at=timezone.now() - dt.timedelta(hours=1))
    today = timezone.localdate()

    for stop in range(1, 11):
        with contextlib.suppress(Killed), connection.execute_wrapper(killed_after(stop)):
            statements.issue_statements(first_day=today.replace(day=1), last_day=today)
    statements.issue_statements(first_day=today.replace(day=1), last_day=today)
    assert [one.fen for one in Statement.objects.exclude(state="void")] == [2400]
    assert set(DrawDown.objects.values_list("state", flat=True)) == {"listed"}
    well()


def test_a_sale_and_an_undo_of_one_resident_lock_points_before_money(money: Money, run_concurrently: Any) -> None:
    from marketplace.rewards import services as rewards
    from timebank.registry import services as registry

    world = money.world
    agree(money, world.ticket, 800)
    money.give(100000)
    granny = world.resident("枣立春", points=100000, sign_in=False)
    card = registry.issue_card(resident=granny, actor=world.admin, pin="2580")

    def sell(_number: int) -> Any:
        return rewards.card_sale(
            card_number=card.number,
            pin="2580",
            lines=[(world.ticket.pk, 2)],
            key=uuid.uuid4(),
            actor=world.bath_clerk,
            partner=world.bath,
        )

    sales = [sell(0) for _time in range(4)]

    def work(number: int) -> Any:
        if number % 2:
            return sell(number)
        return rewards.undo_sale(redemption=sales[number // 2], actor=world.bath_clerk)

    answer = run_concurrently(work, 8)
    assert answer.errors == []
    assert owed(money.fund, world.bath) == 4 * 1600
    well()


# -- A ticket brought back ---------------------------------------------------------------------------------------------
def brought_back(money: Money, count: int) -> list[Any]:
    """Hand tickets over by the real services and ask to take each back; old enough for a statement."""
    from marketplace.rewards import services as rewards

    world = money.world
    agree(money, world.ticket, 800)
    money.give(100000)
    asked = []
    for ticket in world.redeem(world.sister, (world.ticket, count)).tickets.order_by("pk"):
        rewards.hand_over(code=ticket.code, actor=world.bath_clerk, nonce=uuid.uuid4())
        ticket.refresh_from_db()
        asked.append(rewards.ask_return(ticket=ticket, actor=world.admin, reason="没有热水", restock=False))
    DrawDown.objects.update(drawn_at=timezone.now() - dt.timedelta(hours=1))
    return asked


def test_a_ticket_that_two_persons_take_back_at_once_goes_back_once(money: Money, run_concurrently: Any) -> None:
    from marketplace.rewards import services as rewards
    from tests.factories.rewards import points_of

    (asked,) = brought_back(money, 1)
    deciders = [money.town, money.other_town]
    answer = run_concurrently(
        lambda number: rewards.decide_return(asked=asked, actor=deciders[number % 2], approve=True), 6
    )
    assert (len(answer.results), {type(error).__name__ for error in answer.errors}) == (1, {"ReturnDecided"})
    assert (points_of(money.world.sister), owed(money.fund, money.world.bath), free(money.fund)) == (10000, 0, 100000)
    well()


def test_without_lock_guard_and_key_two_persons_give_the_points_back_twice(
    money: Money, run_concurrently: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: both read that it waits before either has decided; the second takes another ticket's points."""
    from types import SimpleNamespace

    from marketplace.rewards import services as rewards
    from marketplace.rewards.models import TicketReturn
    from marketplace.rewards.services import returning
    from tests.factories.rewards import points_of

    (asked, _other) = brought_back(money, 2)
    read, numbers, refund = threading.Barrier(2, timeout=20), iter(range(9)), returning.ledger.refund

    def look(model: type[TicketReturn], pk: int) -> TicketReturn:
        found = model.objects.get(pk=pk)
        read.wait()
        return found

    def give_back(*args: Any, **more: Any) -> Any:
        return refund(*args, **more | {"key": f"again:{next(numbers)}"})

    monkeypatch.setattr(returning, "lock_orders", lambda ids: {pk: Order.objects.get(pk=pk) for pk in ids})
    monkeypatch.setattr(returning, "lock_tickets", lambda ids: list(Ticket.objects.filter(pk__in=ids)))
    monkeypatch.setattr(returning, "lock_asked", look)
    monkeypatch.setattr(returning, "_take_back", lambda *_args, **_more: None)
    monkeypatch.setattr(returning, "ledger", SimpleNamespace(reverse=lambda *_a, **_m: None, refund=give_back))
    deciders = [money.town, money.other_town]
    answer = run_concurrently(
        lambda number: rewards.decide_return(asked=asked, actor=deciders[number], approve=True), 2
    )
    assert answer.errors == []
    assert points_of(money.world.sister) == 10000  # 8000 and twice what one ticket cost


@pytest.mark.parametrize("rival", ["issue", "approve"])
def test_a_return_and_a_statement_at_once_never_pay_for_what_came_back(
    money: Money, run_concurrently: Any, rival: str
) -> None:
    """Whoever is first: the line is on no statement, or it is netted on the next; the supplier ends with its due."""
    from marketplace.rewards import services as rewards

    paid_account(money)
    asked, kept = brought_back(money, 2)
    today = timezone.localdate()
    days = {"first_day": today.replace(day=1), "last_day": today}

    def issue_it(_number: int) -> Any:
        return statements.issue_statement(partner=money.world.bath, **days)

    if rival == "approve":
        made = issue_it(0)
        statements.accept_statement(statement=made, actor=money.world.bath_clerk)
        statements.prepare_statement(statement=made, actor=money.keeper, invoice_number="25371000001")

    def work(number: int) -> Any:
        if number:
            return rewards.decide_return(asked=asked, actor=money.town, approve=True)
        if rival == "issue":
            return issue_it(0)
        return statements.approve_statement(statement=made, actor=money.other_town)

    answer = run_concurrently(work, 2)
    assert answer.errors == []
    made = Statement.objects.get()
    returned = DrawDown.objects.get(ticket_id=asked.ticket_id)
    assert returned.state == "reversed"
    paid = sum(payout.fen for payout in made.payouts.all()) if rival == "approve" else made.fen
    assert paid == (1600 if returned.was_settled else 800)
    assert DrawDown.objects.get(ticket_id=kept.ticket_id).state == "listed"
    well()


def test_without_the_statements_lock_a_return_is_paid_and_never_netted(
    money: Money, run_concurrently: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the return looks at the statement before it is approved, the approval at the line before it is gone."""
    from marketplace.rewards import services as rewards

    paid_account(money)
    (asked,) = brought_back(money, 1)
    today = timezone.localdate()
    made = statements.issue_statement(partner=money.world.bath, first_day=today.replace(day=1), last_day=today)
    assert made is not None
    statements.accept_statement(statement=made, actor=money.world.bath_clerk)
    statements.prepare_statement(statement=made, actor=money.keeper, invoice_number="25371000001")
    seen = threading.Barrier(2, timeout=20)
    make_payouts, take_back = statements.payouts.make_payouts, drawing._reverse

    def look(ticket_id: int) -> Statement | None:
        return Statement.objects.filter(draws__ticket_id=ticket_id).first()

    def pay(**facts: Any) -> Any:
        seen.wait()
        return make_payouts(**facts)

    def reverse(*args: Any, **more: Any) -> None:
        seen.wait()
        take_back(*args, **more)

    monkeypatch.setattr(drawing, "_lock_statement_of", look)
    monkeypatch.setattr(statements.payouts, "make_payouts", pay)
    monkeypatch.setattr(drawing, "_reverse", reverse)
    monkeypatch.setattr(statements, "add_up", lambda statement: statement)

    def work(number: int) -> Any:
        if number:
            return rewards.decide_return(asked=asked, actor=money.town, approve=True)
        return statements.approve_statement(statement=made, actor=money.other_town)

    assert run_concurrently(work, 2).errors == []
    returned = DrawDown.objects.get()
    assert (made.payouts.get().fen, returned.state, returned.was_settled) == (800, "reversed", False)
