"""The rules between lock and write, without a database: which lots are eaten, what is lent, what is refused."""

from __future__ import annotations

import datetime as dt

import pytest

from timebank.ledger import errors
from timebank.ledger.plan import MAX_AMOUNT, AccountRow, LotRow, Move, Order, Planner, PostingRow, uses
from timebank.ledger.types import NEVER, LotUse
from timebank.ledger.units import DEBT_SERIAL, account_id

TODAY = dt.date(2030, 5, 4)
SOON, LATER, GONE = dt.date(2030, 6, 30), dt.date(2030, 12, 31), dt.date(2030, 5, 3)
ISSUANCE, SHOP = account_id("PTS", False, 100), account_id("PTS", False, 101)
LI, WANG = account_id("PTS", True, 102), account_id("PTS", True, 103)
BANK = account_id("CNY", False, 104)
LENDER = account_id("PTS", False, DEBT_SERIAL)


def account(id, key, *, balance=0, version=0, debt=0, open=True, floor=0):
    return AccountRow(id, key, balance, version, debt, open, "", floor)


def planner(*lots, today=TODAY, **changes):
    """Plan for an issuer, a shop, and two wallets; lots are (wallet, day, restriction, remaining)."""
    held = {LI: 0, WANG: 0}
    rows = []
    for number, (wallet, day, restriction, remaining) in enumerate(lots, 1):
        held[wallet] += remaining
        rows.append(LotRow(number, wallet, day, restriction, remaining))
    accounts = [
        account(ISSUANCE, "issuance"),
        account(SHOP, "shop"),
        account(BANK, "bank"),
        account(LI, "li", **{"balance": held[LI], "version": 7, **changes}),
        account(WANG, "wang", balance=held[WANG], version=3),
    ]
    return Planner(accounts, rows, today)


def order(*moves, id=1, unit=1, allow=()):
    return Order({"id": id, "unit": unit}, moves, frozenset(allow))


def pay(amount, **more):
    return Move(0, "li", "shop", amount, **more)


def earn(amount, to="li", day=SOON, restriction="", leg=0, **more):
    return Move(leg, "issuance", to, amount, (day, restriction), **more)


def refusal(plan, *moves, **more):
    """Return the refusal, after making sure that nothing else is left of the order."""
    effects = plan.decide([order(*moves, **more)])
    (outcome,) = effects.outcomes
    assert (effects.heads, effects.spans, effects.postings, effects.wallets, effects.lots) == ([], [0], [], [], [])
    return outcome


def eaten(effects):
    return [(row.debit_expires_on, row.debit_restriction, row.amount) for row in effects.postings]


# -- Whole postings ----------------------------------------------------------------------------------------------------
def test_a_credit_is_written_with_the_wallets_side_only():
    effects = planner().decide([order(earn(500), id=9)])
    assert effects.postings == [
        PostingRow(
            transfer_id=9, leg=0, unit=1, debit_id=ISSUANCE, credit_id=LI, amount=500,
            debit_version=None, debit_balance=None, credit_version=8, credit_balance=500,
            debit_expires_on=None, credit_expires_on=SOON, debit_restriction=None, credit_restriction="",
            origin_id=None,
        )
    ]  # fmt: skip
    assert effects.outcomes == [(LotUse(SOON, "", 500),)]
    (wallet,) = effects.wallets
    assert (wallet.id, wallet.key, wallet.balance, wallet.version, wallet.debt) == (LI, "li", 500, 8, 0)
    (lot,) = effects.lots
    assert (lot.id, lot.account_id, lot.expires_on, lot.restriction, lot.before, lot.remaining) == (
        None, LI, SOON, "", 0, 500,
    )  # fmt: skip


def test_a_payment_is_written_lot_by_lot_with_the_balance_after_each():
    effects = planner((LI, LATER, "", 300), (LI, SOON, "", 200)).decide([order(pay(250, origin=77), id=9)])
    first, second = effects.postings
    assert first == PostingRow(
        transfer_id=9, leg=0, unit=1, debit_id=LI, credit_id=SHOP, amount=200,
        debit_version=8, debit_balance=300, credit_version=None, credit_balance=None,
        debit_expires_on=SOON, credit_expires_on=None, debit_restriction="", credit_restriction=None, origin_id=77,
    )  # fmt: skip
    assert second == first._replace(amount=50, debit_version=9, debit_balance=250, debit_expires_on=LATER)
    assert effects.outcomes == [(LotUse(SOON, "", 200), LotUse(LATER, "", 50))]
    assert [(lot.id, lot.before, lot.remaining) for lot in effects.lots] == [(1, 300, 250), (2, 200, 0)]


def test_a_gift_is_written_with_both_sides_and_keeps_its_day():
    effects = planner((LI, SOON, "food", 20)).decide([order(Move(0, "li", "wang", 20, (LATER, "")), allow=["food"])])
    (row,) = effects.postings
    assert (row.debit_version, row.debit_balance, row.credit_version, row.credit_balance) == (8, 0, 4, 20)
    assert (row.credit_expires_on, row.credit_restriction) == (SOON, "food")
    assert [wallet.key for wallet in effects.wallets] == ["li", "wang"]


def test_between_accounts_without_lots_nothing_is_remembered_but_the_posting():
    effects = planner().decide([order(Move(0, "issuance", "shop", 5, (SOON, "")))])
    (row,) = effects.postings
    assert row[6:] == (None,) * 9
    assert (effects.wallets, effects.lots, effects.outcomes) == ([], [], [()])


def test_what_comes_back_goes_to_the_lot_it_is_told():
    back = Move(0, "li", "wang", 30, (LATER, "food"), origin=5)
    effects = planner((LI, SOON, "", 30)).decide([order(back)])
    (row,) = effects.postings
    assert (row.debit_expires_on, row.credit_expires_on, row.credit_restriction) == (SOON, LATER, "food")


def test_what_came_from_a_wallet_and_goes_to_a_shop_has_no_lot_to_go_to():
    effects = planner((LI, SOON, "", 30)).decide([order(pay(30, origin=5))])
    assert effects.postings[0].credit_expires_on is None


# -- Which lots are eaten ----------------------------------------------------------------------------------------------
def test_soonest_first_of_one_day_the_earmarked_first_in_order_of_name():
    lots = [(LI, LATER, "", 1), (LI, SOON, "", 2), (LI, SOON, "food", 4), (LI, SOON, "books", 8), (LI, NEVER, "", 16)]
    effects = planner(*lots).decide([order(pay(31), allow=["food", "books"])])
    assert eaten(effects) == [
        (SOON, "books", 8), (SOON, "food", 4), (SOON, "", 2), (LATER, "", 1), (NEVER, "", 16),
    ]  # fmt: skip


def test_no_more_lots_are_touched_than_needed():
    effects = planner((LI, SOON, "", 10), (LI, LATER, "", 10)).decide([order(pay(10))])
    assert eaten(effects) == [(SOON, "", 10)]


def test_earmarked_lots_are_passed_over_and_the_rest_is_still_found():
    effects = planner((LI, SOON, "food", 10), (LI, LATER, "", 10)).decide([order(pay(10))])
    assert eaten(effects) == [(LATER, "", 10)]


@pytest.mark.parametrize(("day", "good"), [(GONE, False), (TODAY, True), (SOON, True)])
def test_a_lot_is_good_through_its_day(day, good):
    plan = planner((LI, day, "", 10))
    if good:
        assert eaten(plan.decide([order(pay(10))])) == [(day, "", 10)]
    else:
        assert isinstance(refusal(plan, pay(10)), errors.InsufficientFunds)


def test_a_preferred_lot_is_eaten_first_whatever_its_day_and_earmark():
    lots = [(LI, SOON, "", 10), (LI, GONE, "food", 5)]
    effects = planner(*lots).decide([order(pay(8, prefer=(GONE, "food")))])
    assert eaten(effects) == [(GONE, "food", 5), (SOON, "", 3)]


def test_a_preferred_lot_that_is_not_there_changes_nothing():
    effects = planner((LI, SOON, "", 10)).decide([order(pay(8, prefer=(LATER, "")))])
    assert eaten(effects) == [(SOON, "", 8)]


def test_exactly_the_preferred_lot_and_no_other():
    lots = [(LI, SOON, "", 10), (LI, LATER, "", 10)]
    assert eaten(planner(*lots).decide([order(pay(10, prefer=(LATER, ""), exact=True))])) == [(LATER, "", 10)]
    refused = refusal(planner(*lots), pay(11, prefer=(LATER, ""), exact=True))
    assert refused.params == {"account": "li", "missing": 1}


def test_the_refusal_says_how_much_is_missing():
    refused = refusal(planner((LI, SOON, "", 10), (LI, GONE, "", 90)), pay(25))
    assert isinstance(refused, errors.InsufficientFunds)
    assert refused.params == {"account": "li", "missing": 15}


@pytest.mark.parametrize(("floor", "good"), [(0, True), (1, False), (40, False), (-5, True)])
def test_a_floor_is_kept_even_where_lots_would_reach(floor, good):
    plan = planner((LI, SOON, "", 10), floor=floor)
    if good:
        assert plan.decide([order(pay(10))]).wallets[0].balance == 0
    else:
        assert refusal(plan, pay(10)).params == {"account": "li"}


# -- Debts -------------------------------------------------------------------------------------------------------------
def test_what_is_missing_is_lent_into_the_lot_that_is_reversed():
    effects = planner((LI, SOON, "", 30)).decide([order(pay(100, prefer=(SOON, ""), lend=True, origin=5), id=9)])
    lent, back = effects.postings
    assert lent == PostingRow(
        transfer_id=9, leg=-1, unit=1, debit_id=LENDER, credit_id=LI, amount=70,
        debit_version=None, debit_balance=None, credit_version=8, credit_balance=100,
        debit_expires_on=None, credit_expires_on=SOON, debit_restriction=None, credit_restriction="",
            origin_id=None,
    )  # fmt: skip
    assert (back.leg, back.amount, back.debit_balance, back.debit_expires_on, back.origin_id) == (0, 100, 0, SOON, 5)
    (wallet,) = effects.wallets
    assert (wallet.balance, wallet.debt, wallet.version) == (0, 70, 9)
    assert effects.outcomes == [(LotUse(SOON, "", 100),)]


def test_what_is_missing_behind_another_lot_is_lent_into_a_lot_of_its_own():
    effects = planner((LI, LATER, "", 30)).decide([order(pay(100, prefer=(SOON, ""), lend=True))])
    assert [(row.leg, row.amount, row.debit_expires_on) for row in effects.postings] == [
        (-1, 70, None), (0, 30, LATER), (0, 70, SOON),
    ]  # fmt: skip
    assert effects.wallets[0].debt == 70


def test_a_loan_without_a_preferred_lot_never_expires():
    effects = planner().decide([order(pay(100, lend=True))])
    assert [(row.leg, row.amount, row.credit_expires_on) for row in effects.postings] == [
        (-1, 100, NEVER),
        (0, 100, None),
    ]
    assert effects.wallets[0].debt == 100
    assert not effects.lots  # lent and taken at once: the lot is as it was


def test_nothing_is_lent_where_nothing_is_missing():
    effects = planner((LI, SOON, "", 100), debt=5).decide([order(pay(100, lend=True))])
    assert [row.leg for row in effects.postings] == [0]
    assert effects.wallets[0].debt == 5


@pytest.mark.parametrize(("amount", "back", "left"), [(30, 30, 40), (70, 70, 0), (100, 70, 0)])
def test_a_credit_repays_up_to_the_debt(amount, back, left):
    effects = planner(debt=70).decide([order(earn(amount), id=9)])
    credit, repaid = effects.postings
    assert (credit.leg, credit.amount, credit.credit_balance) == (0, amount, amount)
    assert repaid == PostingRow(
        transfer_id=9, leg=-1, unit=1, debit_id=LI, credit_id=LENDER, amount=back,
        debit_version=9, debit_balance=amount - back, credit_version=None, credit_balance=None,
        debit_expires_on=SOON, credit_expires_on=None, debit_restriction="", credit_restriction=None, origin_id=None,
    )  # fmt: skip
    assert (effects.wallets[0].balance, effects.wallets[0].debt) == (amount - back, left)
    assert effects.outcomes == [(LotUse(SOON, "", amount),)]


@pytest.mark.parametrize(("day", "restriction", "repays"), [(SOON, "food", 0), (GONE, "", 0), (TODAY, "", 1)])
def test_only_live_points_without_an_earmark_repay(day, restriction, repays):
    effects = planner(debt=70).decide([order(earn(30, day=day, restriction=restriction))])
    assert len(effects.postings) == 1 + repays


def test_a_gift_repays_the_receivers_debt():
    effects = planner((WANG, SOON, "", 50), debt=70).decide([order(Move(0, "wang", "li", 50))])
    assert [(row.leg, row.debit_id, row.credit_id, row.amount) for row in effects.postings] == [
        (0, WANG, LI, 50), (-1, LI, LENDER, 50),
    ]  # fmt: skip


def test_money_is_lent_by_the_lender_of_money():
    fund = account_id("CNY", True, 105)
    plan = Planner([account(fund, "fund"), account(BANK, "bank")], [], TODAY)
    effects = plan.decide([order(Move(0, "fund", "bank", 5, lend=True), unit=2)])
    assert (effects.postings[0].debit_id, effects.postings[0].unit) == (account_id("CNY", False, DEBT_SERIAL), 2)


# -- What is refused ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1])
def test_amounts_out_of_bounds_are_refused(amount):
    assert isinstance(refusal(planner(), earn(amount)), errors.InvalidAmount)


def test_the_greatest_amount_is_posted():
    assert planner().decide([order(earn(MAX_AMOUNT))]).wallets[0].balance == 1 << 53


@pytest.mark.parametrize(
    ("move", "error", "named"),
    [
        (Move(0, "nobody", "li", 1), errors.UnknownAccount, "nobody"),
        (Move(0, "li", "nobody", 1), errors.UnknownAccount, "nobody"),
        (Move(0, "bank", "li", 1), errors.UnitMismatch, "bank"),
        (Move(0, "li", "bank", 1), errors.UnitMismatch, "bank"),
        (Move(0, "li", "li", 1), errors.InvalidTransfer, "li"),
        (Move(0, "shop", "shop", 1), errors.InvalidTransfer, "shop"),
    ],
)
def test_the_account_that_is_wrong_is_named(move, error, named):
    refused = refusal(planner((LI, SOON, "", 10)), move)
    assert type(refused) is error
    assert refused.params == {"account": named}


@pytest.mark.parametrize("move", [earn(1), pay(1)])
def test_a_closed_account_neither_takes_nor_gives(move):
    refused = refusal(planner((LI, SOON, "", 10), open=False), move)
    assert type(refused) is errors.AccountClosed
    assert refused.params == {"account": "li"}


# -- Batches -----------------------------------------------------------------------------------------------------------
def test_a_refused_order_leaves_no_trace_between_two_good_ones():
    plan = planner((LI, SOON, "", 100), debt=0)
    effects = plan.decide(
        [
            order(earn(10, day=LATER), id=1),
            order(pay(60), earn(5, day=NEVER, leg=1), Move(2, "li", "wang", 1000), id=2),
            order(pay(70), id=3),
        ]
    )
    first, second, third = effects.outcomes
    assert first == (LotUse(LATER, "", 10),)
    assert isinstance(second, errors.InsufficientFunds)
    assert third == (LotUse(SOON, "", 70),)
    assert [head["id"] for head in effects.heads] == [1, 3]
    assert effects.spans == [0, 1, 2]
    assert [(row.transfer_id, row.credit_version, row.debit_version) for row in effects.postings] == [
        (1, 8, None), (3, None, 9),
    ]  # fmt: skip
    (wallet,) = effects.wallets
    assert (wallet.balance, wallet.version, sorted(wallet.lots)) == (40, 9, [(SOON, ""), (LATER, "")])
    assert [(lot.expires_on, lot.remaining) for lot in effects.lots] == [(SOON, 30), (LATER, 10)]


def test_a_refused_loan_is_forgotten():
    plan = planner()
    loan = pay(50, lend=True)
    effects = plan.decide([order(loan, Move(1, "li", "wang", 1), id=1), order(earn(20), id=2)])
    assert isinstance(effects.outcomes[0], errors.InsufficientFunds)
    assert [(row.transfer_id, row.leg) for row in effects.postings] == [(2, 0)]
    assert (effects.wallets[0].debt, effects.wallets[0].balance) == (0, 20)


def test_a_later_order_sees_what_an_earlier_one_did():
    effects = planner().decide([order(earn(10), id=1), order(pay(10), id=2), order(pay(1), id=3)])
    assert [isinstance(one, tuple) for one in effects.outcomes] == [True, True, False]
    assert effects.spans == [0, 1, 2]
    assert effects.lots == []  # came and went within the batch
    assert (effects.wallets[0].balance, effects.wallets[0].version) == (0, 9)


def test_wallets_are_written_in_order_of_their_ids():
    effects = planner().decide([order(earn(1, to="wang"), id=1), order(earn(1), id=2)])
    assert [wallet.id for wallet in effects.wallets] == [LI, WANG]


def test_lots_that_are_emptied_are_not_eaten_again():
    effects = planner((LI, SOON, "", 5), (LI, LATER, "", 5)).decide([order(pay(5), id=1), order(pay(5), id=2)])
    assert eaten(effects) == [(SOON, "", 5), (LATER, "", 5)]


def test_a_lot_that_came_within_the_batch_takes_its_place_in_the_order():
    effects = planner((LI, LATER, "", 5)).decide([order(pay(1), id=1), order(earn(3), id=2), order(pay(4), id=3)])
    assert eaten(effects)[2:] == [(SOON, "", 3), (LATER, "", 1)]


def test_lots_of_a_wallet_that_was_not_locked_are_left_alone():
    stranger = LotRow(9, account_id("PTS", True, 999), SOON, "", 10)
    plan = Planner(
        [account(LI, "li", balance=10), account(SHOP, "shop")], [stranger, LotRow(1, LI, SOON, "", 10)], TODAY
    )
    assert [lot.id for lot in plan.decide([order(pay(10))]).lots] == [1]


# -- What a transfer touched -------------------------------------------------------------------------------------------
def posting(amount, *, leg=0, debit=None, credit=None):
    return PostingRow(
        1, leg, 1, 1, 2, amount, None, None, None, None,
        debit and debit[0], credit and credit[0], debit and debit[1], credit and credit[1], None,
    )  # fmt: skip


def test_uses_are_summed_by_lot_of_the_payer_else_of_the_receiver():
    rows = [
        posting(1, debit=(SOON, "food"), credit=(LATER, "")),
        posting(2, debit=(SOON, "food")),
        posting(4, credit=(NEVER, "")),
        posting(8),
        posting(16, debit=(SOON, "")),
        posting(32, leg=-1, debit=(SOON, "")),
        posting(64, leg=1, credit=(NEVER, "")),
    ]
    assert uses(rows) == (LotUse(SOON, "food", 3), LotUse(None, "", 68), LotUse(SOON, "", 16))
    assert uses([]) == ()
