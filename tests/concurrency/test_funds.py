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
from tests.funds.test_settlement import approved, paid_account
from tests.funds.world import ACTOR, Money, agree, free, handed, issue, make, owed, short, total, well

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pg_only("SQLite has one writer: there is no race to show"),
]


@pytest.fixture
def money(transactional_db: Any) -> Money:
    made = make()
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

    class Killed(BaseException):
        """The process ends here."""

    for stop in range(1, 11):
        count = 0

        def wrapper(execute: Any, sql: str, *rest: Any, stop: int = stop) -> Any:
            nonlocal count
            count += 1
            if count > stop:
                raise Killed
            return execute(sql, *rest)

        with contextlib.suppress(Killed), connection.execute_wrapper(wrapper):
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
