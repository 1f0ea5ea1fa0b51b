"""The short way of PostgreSQL and the long way: the same histories leave the same rows, and the same refusals."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.ledger.conftest import LATER, SOON
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.fast import Fast, calls
from timebank.ledger.fast.wire import Wire
from timebank.ledger.models import Account, Lot, Posting, Transfer
from timebank.ledger.store.plain import Statement
from timebank.ledger.types import Leg, TransferSpec

pytestmark = [pytest.mark.fast_path("of the short way"), pytest.mark.django_db]

OLD = dt.date(2020, 1, 31)
NOON = dt.datetime(2030, 5, 5, 12, tzinfo=dt.UTC)


def history(dice):
    """Make up a history: credits in batches, payments of one and more legs, and what has to be refused."""
    days, marks = [SOON, LATER, OLD, None], ["", "", "food", "书"]
    wallets, shops = ["li", "wang", '钱"\\'], ["shop", "bath", "é店"]
    steps = []
    for step in range(12):
        size = dice.randint(1, 8)
        steps.append(
            [
                TransferSpec(
                    f"m{step}:{n}" if dice.random() < 0.9 else "m0:0",
                    "mint",
                    (
                        Leg(
                            "issuance", dice.choice(wallets), dice.randint(1, 90), dice.choice(days), dice.choice(marks)
                        ),
                    ),
                    memo=dice.choice(["", '清洁村庄 "x" \\ \t\x7f', "b"]),
                    source=f"record:{n}",
                )
                for n in range(size)
            ]
        )
        for n in range(dice.randint(1, 5)):
            payer = dice.choice(wallets)
            legs = tuple(Leg(payer, dice.choice(shops), dice.randint(1, 60)) for _ in range(dice.randint(1, 3)))
            more = {
                "allow_restrictions": dice.choice([(), ("food",), ("food", "书")]),
                "effective_on": dice.choice([None, OLD]),
            }
            steps.append(
                [TransferSpec(f"p{step}:{n}", "redeem", legs, reason="订单", actor="a", on_behalf_of="b", **more)]
            )
    return steps


def play(steps):
    """Post it and return what was answered and every row that it left, ids counted from the first."""
    for key in ("issuance", "shop", "bath", "é店"):
        ledger.open_account(key=key, kind="system")
    for key in ("li", "wang", '钱"\\'):
        ledger.open_account(key=key, kind="wallet")
    answers = []
    for step in steps:
        if len(step) == 1:
            try:
                posted = ledger.post(step[0])
                answers.append((posted.uuid, posted.replayed, posted.lots))
            except errors.LedgerError as refusal:
                answers.append(refusal.code)
        else:
            answers.extend(
                one.error.code if one.error else (one.posted.uuid, one.posted.replayed, one.posted.lots)
                for one in ledger.post_many(step, batch=5)
            )
    names = dict(Account.objects.values_list("pk", "key"))
    columns = [field.attname for field in Posting._meta.fields if field.attname not in {"id", "transfer_id"}]
    heads = [field.attname for field in Transfer._meta.fields if field.attname not in {"id", "content_hash"}]
    postings = [
        {**row, "debit_id": names[row["debit_id"]], "credit_id": names[row["credit_id"]]}
        for row in Posting.objects.order_by("transfer_id", "id").values(*columns)
    ]
    transfers = [
        {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()}
        for row in Transfer.objects.order_by("id").values(*heads)
    ]
    lots = sorted(Lot.objects.values_list("account__key", "expires_on", "restriction", "remaining"))
    accounts = sorted(Account.objects.values_list("key", "balance", "version", "debt"))
    return answers, postings, transfers, lots, accounts


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_leave_the_same_books(seed, monkeypatch, time_machine, long_way):
    time_machine.move_to(NOON, tick=False)
    steps = history(random.Random(seed))
    counted = {"_pay": 0, "_finish": 0}

    def count(name):
        function = getattr(Fast, name)

        def counting(self, *arguments):
            answer = function(self, *arguments)
            counted[name] += answer is not None
            return answer

        monkeypatch.setattr(Fast, name, counting)

    count("_pay")
    count("_finish")
    with transaction.atomic():
        short = play(steps)
        ledger.seal_all()  # which hashes every transfer anew
        transaction.set_rollback(True)
    assert min(counted.values()) >= 3, f"the short way was hardly taken: {counted}"
    long_way()
    before = dict(counted)
    assert play(steps) == short
    ledger.seal_all()
    assert counted == before


def statements(work):
    with CaptureQueriesContext(connection) as seen:
        work()
    return len([one for one in seen.captured_queries if not one["sql"].startswith(("SAVEPOINT", "RELEASE"))])


def test_what_is_not_plain_takes_the_long_way_and_says_why(move):
    move("issuance", "li", 100, until=SOON, key="m")
    ledger.reverse(read.transfer_by_key("m").id, key="r", reason="", actor="")
    ledger.open_account(key="closed", kind="system")
    ledger.close_account(key="closed")
    move("issuance", "li", 100, until=SOON)
    for debit, credit, amount, refusal in [
        ("li", "shop", 101, errors.InsufficientFunds),
        ("li", "closed", 1, errors.AccountClosed),
        ("li", "nobody", 1, errors.UnknownAccount),
        ("nobody", "shop", 1, errors.UnknownAccount),
    ]:
        with pytest.raises(refusal):
            move(debit, credit, amount)
    assert read.balance_of("li").spendable == 100


def test_credits_to_a_wallet_in_debt_repay_it_in_a_batch_too(move):
    first = move("issuance", "li", 100, until=SOON)
    move("li", "shop", 80)
    ledger.reverse(first.id, key="r", reason="", actor="")
    assert read.balance_of("li").debt == 80
    rows = [
        TransferSpec(f"k{n}", "mint", (Leg("issuance", who, 50, SOON),)) for n, who in enumerate(("li", "wang", "li"))
    ]
    assert all(one.posted for one in ledger.post_many(rows))
    assert (read.balance_of("li").spendable, read.balance_of("li").debt) == (20, 0)


def test_accounts_of_the_other_kind_are_tried_once(move, monkeypatch):
    from timebank.ledger import fast

    monkeypatch.setattr(fast, "_no_payers", set())
    monkeypatch.setattr(fast, "_no_payees", set())
    with pytest.raises(errors.UnknownAccount):
        move("late", "shop", 5)
    move("issuance", "li", 50, until=SOON)
    assert statements(lambda: move("li", "wang", 5)) == 4
    assert statements(lambda: move("li", "wang", 5)) == 3
    assert statements(lambda: move("shop", "bath", 5)) == 4
    assert statements(lambda: move("shop", "bath", 5)) == 3
    ledger.open_account(key="late", kind="wallet")
    move("issuance", "late", 50, until=SOON)
    assert statements(lambda: move("late", "shop", 5)) == 1, (
        "an account that was not there yet was taken for the other kind"
    )


def test_a_key_used_by_another_wallet_is_a_conflict_not_an_error(move):
    move("issuance", "li", 10, until=SOON)
    move("issuance", "wang", 10, until=SOON)
    move("li", "shop", 5, key="pay")
    with pytest.raises(errors.KeyConflict):
        move("wang", "shop", 5, key="pay")
    assert read.balance_of("wang").spendable == 10


def test_behind_a_pooler_nothing_is_prepared(move, monkeypatch):
    """With ``prepare_threshold`` set, psycopg may drop prepared statements: ours are then sent whole."""
    from weakref import WeakKeyDictionary

    from timebank.ledger.fast import wire

    monkeypatch.setattr(wire, "_prepared", WeakKeyDictionary())
    monkeypatch.setattr(connection.connection, "prepare_threshold", 5)
    rows = [TransferSpec(f"k{n}", "mint", (Leg("issuance", "li", 50, SOON),)) for n in range(3)]
    assert all(one.posted for one in ledger.post_many(rows))
    assert move("li", "shop", 60).lots[0].amount == 60
    ledger.post(TransferSpec("two", "redeem", (Leg("li", "shop", 10), Leg("li", "bath", 5))))
    assert move("li", "wang", 1).id
    assert read.balance_of("li").spendable == 74
    assert not wire._prepared


def test_a_first_month_is_closed_without_reading_all_lots_again_and_again(village):
    # what the guards ask is planned in the first batch, when the table of lots still fits a page
    def whole_reads():
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'ledger_lot'")
            return cursor.fetchone()[0]

    rows = [TransferSpec(f"k{n}", "mint", (Leg("issuance", "li", 1, SOON),)) for n in range(4)]
    assert ledger.post_many(rows[:1])[0].posted
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_lot")
    before = whole_reads()
    assert all(one.posted for one in ledger.post_many(rows[1:], batch=1))
    assert whole_reads() == before


def test_a_call_says_of_each_value_what_it_is_and_how_it_travels():
    assert calls._call("ledger_f", "text uuid bigint[] bytea date", 1) == Statement(
        b"ledger_f_call", b"SELECT ledger_f($1::text, $2::uuid, $3::bigint[], $4::bytea, $5::date)", (0, 1, 1, 1, 0), 1
    )


def test_days_before_and_after_the_year_2000_travel_as_the_database_counts_them():
    days = [dt.date(1999, 12, 31), dt.date(2000, 1, 2), dt.date(1999, 12, 31)]
    sent = [part[4:] for part in (calls._days(days)[20 + 8 * n : 28 + 8 * n] for n in range(3))]
    assert sent == [b"\xff\xff\xff\xff", b"\0\0\0\1", b"\xff\xff\xff\xff"]


def test_credits_of_several_kinds_or_units_keep_their_own(village):
    ledger.open_account(key="fund", kind="wallet", unit="CNY")
    ledger.open_account(key="bank", kind="system", unit="CNY")
    rows = [
        TransferSpec("a", "mint", (Leg("issuance", "li", 1, SOON),)),
        TransferSpec("b", "grant", (Leg("issuance", "li", 2, SOON),)),
        TransferSpec("c", "mint", (Leg("bank", "fund", 3),), unit="CNY"),
    ]
    for part in (rows[:2], rows[2:], [rows[0]._replace(key="d"), rows[2]._replace(key="e")]):
        assert all(one.posted for one in ledger.post_many(part))
    found = dict(Transfer.objects.values_list("key", "kind"))
    assert found == {"a": "mint", "b": "grant", "c": "mint", "d": "mint", "e": "mint"}
    assert (read.balance_of("li").total, read.balance_of("fund").total) == (4, 6)


def test_the_log_of_statements_tells_the_time_they_took(move):
    move("issuance", "li", 5)
    with CaptureQueriesContext(connection) as seen:
        move("li", "shop", 1)
        move("li", "wang", 1)
    assert len(seen.captured_queries) > 1
    assert all(0 <= float(one["time"]) < 60 for one in seen.captured_queries)


def test_statements_sent_together_share_their_time_in_the_log(move, monkeypatch):
    move("issuance", "li", 5)
    move("li", "wang", 1)  # that the short way is not for gifts is found out once
    clock = iter(range(100))
    monkeypatch.setattr("timebank.ledger.fast.wire.time.monotonic", lambda: float(next(clock)))
    with CaptureQueriesContext(connection) as seen:
        move("li", "wang", 1)
    assert [one["time"] for one in seen.captured_queries if "time" in one][:2] == ["0.500", "0.500"]


def test_without_a_log_nothing_is_kept(move):
    connection.queries_log.clear()
    move("issuance", "li", 5)
    move("li", "shop", 1)
    move("li", "wang", 1)
    assert not connection.queries_log


def test_a_connection_that_gives_no_answer_is_lost(db):
    with pytest.raises(OperationalError, match=r"^the connection to the database is lost$"):
        Wire(connection).check(None)


@pytest.mark.django_db(transaction=True)
def test_a_caller_without_autocommit_ends_its_transaction_itself(village, move):
    move("issuance", "li", 5, until=SOON)
    connection.set_autocommit(False)
    try:
        move("li", "shop", 2)
        move("li", "wang", 1)
        move("issuance", "li", 9)
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert read.balance_of("li").total == 5
    assert Transfer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_plain_is_a_transaction_by_itself(village, move):
    move("issuance", "li", 5, until=SOON)
    move("li", "shop", 2)
    assert all(one.posted for one in ledger.post_many([TransferSpec("m", "mint", (Leg("issuance", "li", 4),))]))
    assert connection.connection.info.transaction_status == 0, "idle: all of it is committed"
    assert Transfer.objects.count() == 3


@pytest.mark.parametrize("memo", ["善" * 341 + "a", "善" * 341 + "ab", "善" * 500])  # 1024 bytes, 1025, 1500
def test_long_words_are_kept_whole(village, memo):
    rows = [TransferSpec(f"m:{n}", "mint", (Leg("issuance", "li", 4),), memo=memo[n:]) for n in range(2)]
    assert all(one.posted for one in ledger.post_many(rows))
    ledger.post(TransferSpec("p", "pay", (Leg("li", "shop", 4),), memo=memo))
    assert list(Transfer.objects.order_by("pk").values_list("memo", flat=True)) == [memo, memo[1:], memo]
    assert ledger.seal().count == 3, "their hashes are those of their content"


def test_a_batch_that_the_socket_does_not_take_at_once_arrives_whole(village):
    memo = "善" * 500
    rows = [TransferSpec(f"m:{n}", "mint", (Leg("issuance", "li", 1),), memo=f"{n}{memo}"[:500]) for n in range(1500)]
    assert all(one.posted for one in ledger.post_many(rows))
    assert read.balance_of("li").total == 1500


@pytest.mark.django_db(transaction=True)
def test_what_fails_at_its_commit_is_not_acknowledged():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE late (id int PRIMARY KEY, parent int REFERENCES late DEFERRABLE INITIALLY DEFERRED)"
        )
    try:
        wire, statement = Wire(connection), Statement(b"late", b"INSERT INTO late VALUES (1, 2) RETURNING id")
        wire.start(statement, [])
        with pytest.raises(IntegrityError):  # the row was answered, and then its commit was refused
            wire.finish(statement)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM late")
            assert cursor.fetchone() == (0,)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE late")
