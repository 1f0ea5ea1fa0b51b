"""The one door to money: each posting of the design walked with numbers, and what must never happen."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from marketplace.funds import book, errors, posting
from marketplace.funds.services import setup
from tests.factories.funds import ACTOR, Money, draw, free, left, owed, short, total
from timebank.ledger import errors as ledger_errors
from timebank.ledger import selectors as ledger_read
from timebank.ledger import services as ledger

pytestmark = pytest.mark.money_without_rows("the book itself is tested: nothing says what it was for")


# -- Worked examples of the design -------------------------------------------------------------------------------------
def test_example_one_donation_fee_sixty_baths_and_refunds(money: Money) -> None:
    """1,000.00 for P, fee 29.30, free 200.00; 60 baths of 8.00: P 490.70. Stripe refunds 600.00: P 0, free 90.70."""
    p = money.purpose(products=[money.world.ticket.product_id])
    money.give(20000)
    money.give(100000, p, asset=posting.STRIPE, fee_fen=2930, key="stripe:txn_1")
    assert total(posting.STRIPE) == -97070
    for ticket in range(1, 61):
        draw(money, ticket, purposes=[p])
    assert left(money.fund, p) == 49070
    assert owed(money.fund, money.world.bath) == 48000
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.refund_donor(
            fund=money.fund,
            asset=posting.STRIPE,
            fen=60000,
            key="stripe:r0",
            actor=ACTOR,
            source="refund:1",
            purpose=p,
            only_unspent=True,
        )
    assert refused.value.params["most"] == 49070
    assert (left(money.fund, p), free(money.fund), total(posting.STRIPE)) == (49070, 20000, -97070)
    taken = book.refund_donor(
        fund=money.fund, asset=posting.STRIPE, fen=60000, key="stripe:txn_2", actor=ACTOR, source="refund:1", purpose=p
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (0, 9070, 0)
    assert taken.shares == (posting.Share(money.fund.pk, p.pk, 49070), posting.Share(money.fund.pk, None, 10930))


def test_example_two_a_dispute_then_money_then_won(money: Money) -> None:
    """All drawn, free 50.00; dispute 1,000.00 + 105.00: owes 1,055.00; 300.00 comes: 755.00; won: 0, free 245.00."""
    p = money.purpose()
    money.give(100000, p, asset=posting.STRIPE, key="stripe:txn_1")
    draw(money, 1, fen=100000, purposes=[p])
    money.give(5000)
    book.open_dispute(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=100000,
        fee_fen=10500,
        key="stripe:txn_d",
        actor=ACTOR,
        source="d",
        purpose=p,
    )
    assert (short(money.fund), free(money.fund)) == (-105500, 0)
    money.give(30000)
    assert (short(money.fund), free(money.fund)) == (-75500, 0)
    won = {"fund": money.fund, "asset": posting.STRIPE, "fen": 100000, "key": "stripe:txn_w", "opened": "stripe:txn_d"}
    book.win_dispute(**won, actor=ACTOR, source="d")
    assert (short(money.fund), free(money.fund)) == (0, 24500)
    book.win_dispute(**won, actor=ACTOR, source="d")  # told twice
    assert (short(money.fund), free(money.fund)) == (0, 24500)


def test_a_dispute_won_gives_the_lots_it_used_back(money: Money) -> None:
    p = money.purpose()
    money.give(100000, p, asset=posting.STRIPE, key="stripe:1")
    draw(money, 1, fen=40000, purposes=[p])
    money.give(10000)
    book.open_dispute(
        fund=money.fund, asset=posting.STRIPE, fen=100000, key="stripe:d", actor=ACTOR, source="d", purpose=p
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (0, 0, -30000)
    book.win_dispute(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=100000,
        fee_fen=500,
        key="stripe:w",
        opened="stripe:d",
        actor=ACTOR,
        source="d",
    )
    assert (left(money.fund, p), free(money.fund), short(money.fund)) == (60000, 10500, 0)


def test_example_five_money_of_another_currency_is_its_cny(money: Money) -> None:
    """JPY 100000 settled as 4,850.00 CNY, fee 145.94: 4,704.06 is at work."""
    p = money.purpose()
    money.give(485000, p, asset=posting.STRIPE, fee_fen=14594, key="stripe:jpy")
    assert left(money.fund, p) == 470406
    assert total(posting.STRIPE) == -470406


# -- take --------------------------------------------------------------------------------------------------------------
def test_a_draw_uses_the_purpose_then_free_money_then_what_the_fund_owes(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    money.give(200)
    taken = draw(money, 7, purposes=[p])
    assert taken.shares == (posting.Share(money.fund.pk, p.pk, 500), posting.Share(money.fund.pk, None, 200))
    assert (taken.short, short(money.fund), owed(money.fund, money.world.bath)) == (100, -100, 800)


def test_a_draw_is_never_refused(money: Money) -> None:
    taken = draw(money, 7)
    assert (taken.shares, taken.short, short(money.fund)) == ((), 800, -800)


def test_money_of_another_purpose_is_not_touched(money: Money) -> None:
    other = money.purpose("理发")
    money.give(10000, other)
    assert draw(money, 7).short == 800
    assert left(money.fund, other) == 10000


def test_the_same_key_answers_what_was_taken_the_first_time(money: Money) -> None:
    money.give(300)
    first = draw(money, 7)
    money.give(100000)  # now there is enough: another split would be another content
    again = draw(money, 7)
    assert again.posted.id == first.posted.id
    assert (again.posted.replayed, again.short, again.shares) == (True, 500, first.shares)
    assert owed(money.fund, money.world.bath) == 800


def test_without_the_look_up_of_the_key_a_split_sent_again_is_a_conflict(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    money.give(300)
    draw(money, 7)
    money.give(100000)

    def no_look_up(key: str, *args: Any) -> Any:
        raise ledger_errors.KeyConflict(key=key)

    monkeypatch.setattr(posting, "_taken_before", no_look_up)
    with pytest.raises(ledger_errors.KeyConflict):
        draw(money, 7)


def test_the_same_key_for_another_amount_is_refused(money: Money) -> None:
    draw(money, 7)
    with pytest.raises(ledger_errors.KeyConflict):
        draw(money, 7, fen=900)


def test_purposes_are_used_closes_soonest_first_then_narrowest(money: Money) -> None:
    product = money.world.ticket.product_id
    never = money.purpose("随时", products=[product])
    late = money.purpose("年底前", closes_on=dt.date(2027, 12, 31))
    soon = money.purpose("本月底前", closes_on=dt.date(2027, 1, 31))
    narrow = money.purpose("本月底前，七十岁以上", closes_on=dt.date(2027, 1, 31), min_age=70)
    all_of_them = [never, late, soon, narrow]
    for one in all_of_them:
        money.give(800, one)
    used = [draw(money, ticket, purposes=all_of_them).shares[0].purpose_id for ticket in range(1, 5)]
    assert used == [narrow.pk, soon.pk, late.pk, never.pk]


def test_a_purpose_of_the_town_is_used_before_the_villages_free_money(money: Money) -> None:
    town_fund = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    of_town = money.purpose("全镇洗浴", fund=town_fund)
    of_village = money.purpose("本村洗浴")
    money.give(300, of_village)
    money.give(400, of_town, fund=town_fund)
    money.give(1000, fund=town_fund)
    money.give(1000)
    of_town.fund = town_fund
    taken = draw(money, 7, purposes=[of_village, of_town])
    assert set(taken.shares) == {
        posting.Share(money.fund.pk, of_village.pk, 300),
        posting.Share(town_fund.pk, of_town.pk, 400),
        posting.Share(money.fund.pk, None, 100),
    }
    assert (owed(money.fund, money.world.bath), owed(town_fund, money.world.bath)) == (400, 400)
    assert free(town_fund) == 1000  # never the town's free money


def test_a_purpose_above_used_up_meanwhile_costs_no_free_money_of_the_town(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    town_fund = setup.open_fund(region=money.world.town, bank_account=money.bank, actor=money.town)
    of_town = money.purpose("全镇洗浴", fund=town_fund)
    money.give(400, of_town, fund=town_fund)
    money.give(5000, fund=town_fund)
    money.give(5000)
    plan = posting._plan_above

    def late(*args: Any) -> Any:
        planned = plan(*args)
        if planned and late.first:  # type: ignore[attr-defined]
            late.first = False  # type: ignore[attr-defined]
            posting.move_only(
                fund=town_fund, purpose=of_town, fen=300, to="transit", key="t", kind="test", actor=ACTOR, source="t"
            )
        return planned

    late.first = True  # type: ignore[attr-defined]
    monkeypatch.setattr(posting, "_plan_above", late)
    taken = draw(money, 7, purposes=[of_town])
    assert set(taken.shares) == {posting.Share(town_fund.pk, of_town.pk, 100), posting.Share(money.fund.pk, None, 700)}
    assert free(town_fund) == 5000


# -- Only this purpose -------------------------------------------------------------------------------------------------
def test_changing_a_purpose_takes_no_free_money(money: Money) -> None:
    """956.00 out of a lot of 954.70 would silently take 1.30 of free money."""
    p, q = money.purpose("洗浴"), money.purpose("理发")
    money.give(95470, p)
    money.give(1000)
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.change_purpose(fund=money.fund, purpose=p, to=q, fen=95600, number=1, actor=ACTOR)
    assert refused.value.params["most"] == 95470
    assert (left(money.fund, p), left(money.fund, q), free(money.fund)) == (95470, 0, 1000)
    book.change_purpose(fund=money.fund, purpose=p, to=q, fen=95470, number=1, actor=ACTOR)
    assert (left(money.fund, p), left(money.fund, q), free(money.fund)) == (0, 95470, 1000)
    assert total("transit") == 0


def test_freeing_a_purpose_is_compared_with_what_was_meant_too(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    money.give(500)
    with pytest.raises(errors.AlreadySpent), transaction.atomic():
        book.change_purpose(fund=money.fund, purpose=p, to=None, fen=600, number=1, actor=ACTOR)
    book.change_purpose(fund=money.fund, purpose=p, to=None, fen=400, number=2, actor=ACTOR)
    assert (left(money.fund, p), free(money.fund)) == (100, 900)


def test_freed_money_pays_what_the_fund_owes(money: Money) -> None:
    p = money.purpose()
    money.give(5000, p)
    draw(money, 1)
    book.change_purpose(fund=money.fund, purpose=p, to=None, fen=5000, number=1, actor=ACTOR)
    assert (free(money.fund), short(money.fund)) == (4200, 0)


def test_a_purpose_in_which_nothing_is_left_gives_nothing(money: Money) -> None:
    p = money.purpose()
    money.give(500)
    with pytest.raises(errors.AlreadySpent) as refused, transaction.atomic():
        book.spend(fund=money.fund, purpose=p, payee_id=1, fen=100, number=1, actor=ACTOR)
    assert refused.value.params["most"] == 0
    assert free(money.fund) == 500


def test_an_allocation_keeps_its_purpose_and_moves_the_money_between_banks(money: Money) -> None:
    other_bank = setup.open_bank_account(region=money.world.other_village, name="寨西", actor=None)
    target = setup.open_fund(region=money.world.other_village, bank_account=other_bank, actor=money.town)
    p = money.purpose()
    money.give(1000, p)
    book.allocate(source_fund=money.fund, target=target, purpose=p, fen=600, number=1, actor=ACTOR)
    assert (left(money.fund, p), left(target, p)) == (400, 600)
    assert (total(money.bank.asset_key), total(other_bank.asset_key)) == (-400, -600)


# -- Undone and returned -----------------------------------------------------------------------------------------------
def test_an_undone_draw_is_back_where_it_was(money: Money) -> None:
    p = money.purpose()
    money.give(500, p)
    taken = draw(money, 7, purposes=[p])
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=False)
    assert (left(money.fund, p), short(money.fund), owed(money.fund, money.world.bath)) == (500, 0, 0)
    assert draw(money, 7, purposes=[p], n=2).posted.id != taken.posted.id


def test_what_the_fund_owed_and_has_paid_since_comes_back_as_free_money(money: Money) -> None:
    taken = draw(money, 7)
    money.give(2000)
    assert (short(money.fund), free(money.fund)) == (0, 1200)
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=False)
    assert (short(money.fund), free(money.fund)) == (0, 2000)


def test_a_whole_return_may_leave_the_supplier_owing(money: Money) -> None:
    """A draw of fund 5.00 + owed 3.00: ``ledger.refund`` would give back at most 5.00."""
    money.give(500)
    taken = draw(money, 7)
    with pytest.raises(ledger_errors.RefundExceeds), transaction.atomic():
        ledger.refund(
            taken.posted.id,
            amount=800,
            key="x",
            reason="r",
            actor=ACTOR,
            from_account=posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk),
        )
    money.give(5000)
    book.pay_out(
        legs=[(posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk), 800)],
        asset=money.bank.asset_key,
        number=1,
        actor=ACTOR,
        source="statement:1",
    )
    book.undraw(fund=money.fund, transfer_id=taken.posted.id, ticket_id=7, n=1, actor=ACTOR, returned=True)
    assert owed(money.fund, money.world.bath) == -800
    assert (free(money.fund), short(money.fund)) == (5500, 0)


def test_a_receipt_typed_too_high_is_taken_back_without_lending(money: Money) -> None:
    p = money.purpose()
    money.give(10000, p, key="payment:1")
    draw(money, 1, fen=9500, purposes=[p])
    taken = book.correct_receipt(
        fund=money.fund,
        asset=money.bank.asset_key,
        fen=9000,
        key="payment:1:correct",
        actor=ACTOR,
        source="payment:1",
        purpose=p,
    )
    assert (left(money.fund, p), taken.short, short(money.fund)) == (0, 8500, -8500)
    assert (total("debt:CNY"), total(money.bank.asset_key)) == (0, -1000)


def test_a_refund_that_failed_is_back(money: Money) -> None:
    p = money.purpose()
    money.give(1000, p, asset=posting.STRIPE)
    refund = book.refund_donor(
        fund=money.fund,
        asset=posting.STRIPE,
        fen=600,
        key="stripe:r",
        actor=ACTOR,
        source="refund:1",
        purpose=p,
        only_unspent=True,
    )
    book.undo_refund(fund=money.fund, transfer_id=refund.posted.id, key="stripe:rf", actor=ACTOR)
    assert (left(money.fund, p), total(posting.STRIPE)) == (1000, -1000)


def test_reversing_what_credited_a_fund_would_lend(money: Money) -> None:
    """Why ``reverse`` is never used on an inflow: the control shows the debt that the design forbids."""
    posted = money.give(1000)
    draw(money, 1)
    with transaction.atomic():
        ledger.reverse(posted.id, key="wrong", reason="x", actor=ACTOR)
        assert ledger_read.balance_of("debt:CNY").total == -800
        transaction.set_rollback(True)
