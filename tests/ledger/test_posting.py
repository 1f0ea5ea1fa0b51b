"""Posting: keys, amounts, lots, refusals, batches, and how many statements it costs."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Account, Posting, Transfer
from timebank.ledger.services import posting
from timebank.ledger.store import store_for
from timebank.ledger.types import Leg, LotUse, LotView, TransferSpec


def spec(*legs, key="k", **more):
    return TransferSpec(key=key, kind="test", legs=tuple(legs), **more)


def test_mint_credits_a_lot_and_debits_the_issuer(move):
    posted = move("issuance", "li", 500, until=SOON)
    assert posted.lots == (LotUse(SOON, "", 500),)
    assert read.balance_of("li").spendable == 500
    assert read.balance_of("issuance").total == -500
    assert read.lots_of("li") == [LotView(SOON, "", 500)]


def test_spending_eats_the_lot_that_expires_first_and_says_which(move):
    move("issuance", "li", 300, until=LATER)
    move("issuance", "li", 200, until=SOON)
    move("issuance", "li", 100)
    posted = move("li", "shop", 550)
    assert posted.lots == (LotUse(SOON, "", 200), LotUse(LATER, "", 300), LotUse(None, "", 50))
    assert read.lots_of("li") == [LotView(None, "", 50)]


def test_running_balance_and_versions_follow_every_posting(move):
    move("issuance", "li", 200, until=SOON)
    move("issuance", "li", 200, until=LATER)
    move("li", "shop", 300)
    rows = Posting.objects.filter(debit_version__isnull=False).order_by("id")
    assert [(row.debit_version, row.debit_balance) for row in rows] == [(3, 200), (4, 100)]
    account = Account.objects.get(key="li")
    assert (account.version, account.balance) == (4, 100)


def test_same_key_posts_once_and_returns_the_first_answer(move):
    first = move("issuance", "li", 500, until=SOON, key="mint:1")
    again = move("issuance", "li", 500, until=SOON, key="mint:1")
    assert again.replayed
    assert not first.replayed
    assert (again.id, again.uuid, again.lots) == (first.id, first.uuid, first.lots)
    assert read.balance_of("li").total == 500


@pytest.mark.parametrize(
    "change",
    [{"amount": 501}, {"until": LATER}, {"memo": "other"}, {"actor": "somebody"}, {"kind": "gift"}],
    ids=["amount", "day", "memo", "actor", "kind"],
)
def test_same_key_with_other_content_is_refused(move, change):
    move("issuance", "li", 500, until=SOON, key="mint:1")
    given = {"amount": 500, "until": SOON, **change}
    with pytest.raises(errors.KeyConflict):
        move("issuance", "li", given.pop("amount"), key="mint:1", **given)
    assert read.balance_of("li").total == 500


def test_replay_wins_over_an_empty_wallet(move):
    move("issuance", "li", 500)
    move("li", "shop", 500, key="pay")
    assert move("li", "shop", 500, key="pay").replayed


def test_too_little_is_refused_and_leaves_no_trace(move):
    move("issuance", "li", 99)
    with pytest.raises(errors.InsufficientFunds) as refused:
        move("li", "shop", 100)
    assert refused.value.code == "insufficient_points"
    assert Transfer.objects.count() == 1
    assert read.balance_of("li").spendable == 99
    move("li", "shop", 99)  # the caller's transaction is still good
    assert read.balance_of("shop").total == 99


def test_refusal_inside_a_callers_transaction_does_not_spoil_it(move):
    with transaction.atomic():
        with pytest.raises(errors.InsufficientFunds):
            move("li", "shop", 1)
        move("issuance", "li", 5)
    assert read.balance_of("li").total == 5


@pytest.mark.parametrize("amount", [0, -1, True, 1.0, "1"])
def test_amount_must_be_a_whole_number_above_zero(move, amount):
    with pytest.raises(errors.InvalidAmount):
        move("issuance", "li", amount)
    assert Transfer.objects.count() == 0


def test_amount_beyond_what_a_reader_can_hold_exactly_is_refused(move):
    with pytest.raises(errors.InvalidAmount):
        move("issuance", "li", (1 << 53) + 1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"key": ""}, errors.InvalidTransfer),
        ({"kind": ""}, errors.InvalidTransfer),
        ({"legs": ()}, errors.InvalidTransfer),
        ({"memo": "a\0b"}, errors.InvalidTransfer),
        ({"memo": "x" * 501}, errors.InvalidTransfer),
        ({"unit": "GOLD"}, errors.UnitMismatch),
        ({"unit": "CNY"}, errors.UnitMismatch),
        ({"legs": (Leg("issuance", "nobody", 1),)}, errors.UnknownAccount),
        ({"legs": (Leg("nobody", "li", 1),)}, errors.UnknownAccount),
        ({"legs": (Leg("shop", "shop", 1),)}, errors.InvalidTransfer),
        ({"legs": (Leg("issuance", "li", 1, None, "x" * 41),)}, errors.InvalidTransfer),
    ],
)
def test_malformed_transfers_are_refused(village, changes, error):
    good = spec(Leg("issuance", "li", 1))
    with pytest.raises(error):
        ledger.post(good._replace(**changes))
    assert Transfer.objects.count() == 0
    assert ledger.post(good).id


def test_text_with_quotes_backslashes_and_chinese_is_kept_as_it_is(move):
    memo = "a \"b\" \\ {c},d\n'善集' NULL"
    posted = move("issuance", "li", 1, memo=memo, reason="NULL", key='key,"with" {odd} \\ letters')
    found = read.transfer_by_id(posted.id)
    assert (found.memo, found.reason, found.key) == (memo, "NULL", 'key,"with" {odd} \\ letters')


def test_legs_of_one_transfer_stand_or_fall_together(move):
    move("issuance", "li", 100, until=SOON)
    with pytest.raises(errors.InsufficientFunds):
        ledger.post(spec(Leg("li", "shop", 60), Leg("li", "bath", 41)))
    assert read.lots_of("li") == [LotView(SOON, "", 100)]
    ledger.post(spec(Leg("li", "shop", 60), Leg("li", "bath", 40)))
    assert (read.balance_of("shop").total, read.balance_of("bath").total) == (60, 40)


def test_a_later_leg_may_spend_what_an_earlier_one_brought(village):
    ledger.post(spec(Leg("issuance", "li", 100, SOON), Leg("li", "wang", 70), Leg("wang", "shop", 20)))
    assert (read.balance_of("li").spendable, read.balance_of("wang").spendable) == (30, 50)
    assert read.lots_of("wang") == [LotView(SOON, "", 50)]


def test_points_passed_on_keep_their_day_and_restriction(move):
    move("issuance", "li", 50, until=SOON, earmark="food")
    move("issuance", "li", 50, until=LATER)
    move("li", "wang", 80, until=dt.date(2199, 1, 1), allow_restrictions=("food",))
    assert read.lots_of("wang") == [LotView(SOON, "food", 50), LotView(LATER, "", 30)]


def test_earmarked_points_are_only_for_what_allows_them(move):
    move("issuance", "li", 50, until=SOON, earmark="food")
    move("issuance", "li", 30, until=LATER)
    assert read.balance_of("li").spendable == 30
    assert read.balance_of("li").restricted == 50
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 31)
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 31, allow_restrictions=("books",))
    assert move("li", "shop", 31, allow_restrictions=("food",)).lots == (LotUse(SOON, "food", 31),)


def test_points_past_their_day_cannot_be_spent_even_before_the_sweep(move):
    yesterday = dt.date(2020, 1, 1)
    move("issuance", "li", 50, until=yesterday)
    assert read.balance_of("li").total == 50
    assert read.balance_of("li").spendable == 0
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 1)


def test_points_may_be_spent_on_their_last_day(move, time_machine):
    time_machine.move_to(dt.datetime(2099, 6, 30, 15, 59, tzinfo=dt.UTC))  # 23:59 in Shanghai
    move("issuance", "li", 50, until=SOON)
    move("li", "shop", 20)
    time_machine.move_to(dt.datetime(2099, 6, 30, 16, 0, tzinfo=dt.UTC))
    with pytest.raises(errors.InsufficientFunds):
        move("li", "shop", 20)


def test_closed_account_takes_and_gives_nothing(move):
    move("issuance", "li", 10)
    with pytest.raises(errors.LedgerError) as refused:
        ledger.close_account(key="li")
    assert refused.value.code == "not_empty"
    move("li", "shop", 10)
    ledger.close_account(key="li")
    with pytest.raises(errors.AccountClosed):
        move("issuance", "li", 10)
    with pytest.raises(errors.UnknownAccount):
        ledger.close_account(key="nobody")


def test_open_account_returns_the_one_that_stands_and_refuses_another_kind(village):
    first = Account.objects.get(key="li")
    assert ledger.open_account(key="li", kind="wallet").pk == first.pk
    with pytest.raises(errors.KeyConflict):
        ledger.open_account(key="li", kind="system")
    with pytest.raises(errors.KeyConflict):
        ledger.open_account(key="li", kind="wallet", unit="CNY")
    with pytest.raises(errors.UnitMismatch):
        ledger.open_account(key="new", kind="wallet", unit="GOLD")
    with pytest.raises(errors.LedgerError):
        ledger.open_account(key="new", kind="wallet", floor=-5)
    with pytest.raises(errors.LedgerError):
        ledger.open_account(key="new", kind="till")
    assert not Account.objects.filter(key="new").exists()


def test_money_is_a_unit_of_its_own(village):
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    ledger.open_account(key="bank", kind="system", unit="CNY")
    ledger.post(spec(Leg("bank", "fund", 12345), unit="CNY"))
    assert read.balance_of("fund").total == 12345
    with pytest.raises(errors.UnitMismatch):
        ledger.post(spec(Leg("fund", "li", 1), unit="CNY", key="k2"))


def test_post_many_answers_row_by_row(move):
    move("issuance", "li", 100, until=SOON)
    rows = [
        spec(Leg("issuance", "li", 50, SOON), key="a"),
        spec(Leg("li", "shop", 151), key="b"),
        spec(Leg("li", "shop", 150), key="c"),
        spec(Leg("issuance", "li", -1), key="d"),
        spec(Leg("issuance", "wang", 7), key="e"),
        spec(Leg("issuance", "li", 50, SOON), key="a"),
        spec(Leg("issuance", "li", 51, SOON), key="a"),
    ]
    results = ledger.post_many(rows)
    assert [result.key for result in results] == ["a", "b", "c", "d", "e", "a", "a"]
    assert [result.error.code if result.error else "" for result in results] == [
        "",
        "insufficient_points",
        "",
        "invalid_amount",
        "",
        "",
        "key_conflict",
    ]
    assert results[5].posted.replayed
    assert results[5].posted.id == results[0].posted.id
    assert read.balance_of("li").total == 0
    again = ledger.post_many(rows[:1] + rows[4:5])
    assert [result.posted.replayed for result in again] == [True, True]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_post_many_in_any_batch_size_gives_the_same_books(village, batch):
    rows = [spec(Leg("issuance", ("li", "wang")[n % 2], 10 + n, SOON), key=f"m{n}") for n in range(7)]
    assert all(result.posted for result in ledger.post_many(rows, batch=batch))
    assert read.balance_of("li").total == 10 + 12 + 14 + 16
    assert read.balance_of("wang").total == 11 + 13 + 15


def ids(results):
    return [result.posted.id for result in results]


def test_credits_of_a_wallet_are_posted_side_by_side_and_answered_in_the_order_asked(village):
    rows = [spec(Leg("issuance", ("wang", "li")[n % 2], 10 + n, SOON), key=f"m{n}") for n in range(6)]
    results = ledger.post_many(rows, batch=3)
    assert [result.key for result in results] == [row.key for row in rows]
    first = ids(results)[1]
    assert ids(results) == [first + 3, first, first + 4, first + 1, first + 5, first + 2]
    assert [line.amount for line in read.statement("li", limit=9).lines] == [15, 13, 11]
    again = ledger.post_many(rows, batch=3)
    assert [result.posted for result in again] == [result.posted._replace(replayed=True) for result in results]


def test_credits_that_fit_one_set_keep_their_order(village):
    rows = [spec(Leg("issuance", ("wang", "li")[n % 2], 10 + n, SOON), key=f"m{n}") for n in range(6)]
    found = ids(ledger.post_many(rows, batch=6))
    assert found == sorted(found)


def test_what_a_refused_transfer_had_credited_is_taken_back_for_the_rest_of_the_set(village):
    rows = [
        spec(Leg("issuance", "li", 5, SOON), Leg("wang", "shop", 100), key="refused"),
        spec(Leg("issuance", "li", 1, SOON), Leg("issuance", "li", 2, SOON), key="posted"),
    ]
    refused, posted = ledger.post_many(rows)
    assert refused.error.code == "insufficient_points"
    assert posted.posted
    assert read.balance_of("li").total == 3
    assert read.lots_of("li") == [LotView(SOON, "", 3)]


def test_what_a_wallet_pays_keeps_its_order(village):
    rows = [
        spec(Leg("issuance", "li", 5, SOON), key="earned"),
        spec(Leg("li", "bath", 5), key="spent"),
        spec(Leg("issuance", "li", 1, SOON), key="earned again"),
    ]
    results = ledger.post_many(rows, batch=1)
    assert ids(results) == sorted(ids(results))


def test_the_first_of_two_with_one_key_is_posted_in_any_set(village):
    rows = [spec(Leg("issuance", who, 5, SOON), key="once") for who in ("wang", "li")]
    first, second = ledger.post_many(rows, batch=1)
    assert first.posted
    assert second.error.code == "key_conflict"
    assert read.balance_of("wang").total == 5


def test_transfers_of_several_legs_keep_their_order(village):
    rows = [spec(Leg("issuance", who, 5, SOON), Leg("issuance", "li", 1, SOON), key=who) for who in ("wang", "li")]
    found = ids(ledger.post_many(rows, batch=1))
    assert found == sorted(found)


def test_when_very_many_pay_their_transfers_keep_their_order(village, monkeypatch):
    rows = [spec(Leg(debit, who, 5, SOON), key=who) for debit, who in (("issuance", "wang"), ("shop", "li"))]
    monkeypatch.setattr(posting, "ISSUERS", 1)
    found = ids(ledger.post_many(rows, batch=1))
    assert found == sorted(found)
    monkeypatch.setattr(posting, "ISSUERS", 2)
    rows = [row._replace(key=f"again {row.key}") for row in rows]
    assert ids(ledger.post_many(rows, batch=1)) == [found[-1] + 2, found[-1] + 1]


def statements(seen):
    return [
        one["sql"]
        for one in seen.captured_queries
        if not one["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
    ]


def test_a_redemption_costs_one_statement_on_postgresql(move):
    move("issuance", "li", 300, until=SOON)
    move("issuance", "li", 300, until=LATER)
    with CaptureQueriesContext(connection) as seen:
        ledger.post(spec(Leg("li", "shop", 350), Leg("li", "bath", 100)))
    most = (1 if store_for("default").fast else 3) if connection.vendor == "postgresql" else 11
    assert len(statements(seen)) <= most


def test_a_gift_costs_three_statements_on_postgresql(move):
    move("issuance", "li", 300, until=SOON)
    move("issuance", "li", 300, until=LATER)
    move("li", "wang", 1)  # that the short way is not for gifts is found out once
    with CaptureQueriesContext(connection) as seen:
        ledger.post(spec(Leg("li", "wang", 350), Leg("li", "bath", 100)))
    assert len(statements(seen)) <= (3 if connection.vendor == "postgresql" else 14)
    assert not any(one["sql"].startswith("SAVEPOINT") for one in seen.captured_queries), (
        "a refusal is decided before anything is written, so the caller's transaction needs none"
    )


@pytest.mark.pg_only("sets of rows in one statement")
def test_a_batch_of_credits_costs_one_statement(village):
    rows = [spec(Leg("issuance", "li", 1, SOON), key=f"m{n}") for n in range(500)]
    with CaptureQueriesContext(connection) as seen:
        ledger.post_many(rows)
    assert len(statements(seen)) == (1 if store_for("default").fast else 3)


def test_no_float_or_decimal_gets_into_the_books(move):
    posted = move("issuance", "li", 500, until=SOON)
    row = Posting.objects.get(transfer_id=posted.id)
    assert type(row.amount) is int
    assert type(read.balance_of("issuance").total) is int
