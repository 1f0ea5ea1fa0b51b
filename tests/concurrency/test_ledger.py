"""Many at once: real connections that start together, and a control that shows the race when the guard is off."""

from __future__ import annotations

import random
import time

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support import databases
from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Account, HoldResolution, Posting, Seal, Transfer, Unsealed
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)

FAR = "2099-01-01T00:00:00+00:00"
LITE = databases.kind() == "sqlite"


@pytest.fixture(autouse=True)
def village():
    for key in ("issuance", "shop", "bath"):
        ledger.open_account(key=key, kind="system")
    for key in ("li", "wang", "zhao"):
        ledger.open_account(key=key, kind="wallet")


def mint(wallet, amount, key="mint"):
    ledger.post(TransferSpec(f"{key}:{wallet}", "mint", (Leg("issuance", wallet, amount),)))


def clean():
    report = verify()
    assert report.clean, report.findings


def attempts(work, times):
    """Call ``work`` so often; count what happened by name of the refusal."""
    seen: dict[str, int] = {}
    for number in range(times):
        try:
            work(number)
            name = "done"
        except errors.LedgerError as refusal:
            name = refusal.code
        seen[name] = seen.get(name, 0) + 1
    return seen


def total(results, name):
    return sum(one.get(name, 0) for one in results)


def test_overdraft_400_attempts_on_100_points_give_exactly_100(run_concurrently):
    mint("li", 100)

    def spend(thread):
        return attempts(lambda n: ledger.post(TransferSpec(f"s:{thread}:{n}", "s", (Leg("li", "shop", 1),))), 50)

    results = run_concurrently(spend, 8, timeout=150).raise_unless().results
    assert total(results, "done") == 100
    assert total(results, "insufficient_points") == 300
    assert read.balance_of("li").total == 0
    assert read.balance_of("shop").total == 100
    clean()


@pytest.mark.pg_only("row locks")
def test_control_reading_before_the_lock_overdraws(run_concurrently):
    """The same race as code without a guard runs it: it must go wrong here, else the test above proves nothing."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain_wallet (id int PRIMARY KEY, balance int)")
        cursor.execute("INSERT INTO plain_wallet VALUES (1, 100)")

    def spend(_thread):
        done = 0
        for _ in range(50):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT balance FROM plain_wallet WHERE id = 1")
                if cursor.fetchone()[0] >= 1:
                    time.sleep(0.0005)
                    cursor.execute("UPDATE plain_wallet SET balance = balance - 1 WHERE id = 1")
                    done += 1
        return done

    assert sum(run_concurrently(spend, 8).raise_unless().results) > 100


@pytest.mark.fast_path("row locks")
@pytest.mark.parametrize("way", ["plan", "function"])
def test_control_without_the_wallet_lock_the_written_version_catches_it(run_concurrently, monkeypatch, way):
    """Take the lock out of our own statements: the second net (version and lot as read) refuses, never overdraws."""
    from timebank.ledger.fast import Fast, calls, functions
    from timebank.ledger.store import LostLockError, postgres

    if way == "plan":
        weak = postgres.LOCK._replace(
            name=b"ledger_lock_weak", text=postgres.LOCK.text.replace(b"FOR NO KEY UPDATE", b"")
        )
        monkeypatch.setattr(postgres, "LOCK", weak)
        monkeypatch.setattr(Fast, "_pay", lambda *_: None)
    else:
        body = functions.PAY.replace("FUNCTION ledger_pay(", "FUNCTION ledger_pay_weak(").replace(
            "FOR NO KEY UPDATE;", "; PERFORM pg_sleep(0.002);"
        )
        with connection.cursor() as cursor:
            cursor.execute(body)
        weak = calls.PAY._replace(
            name=b"ledger_pay_weak", text=calls.PAY.text.replace(b"ledger_pay(", b"ledger_pay_weak(")
        )
        monkeypatch.setattr(calls, "PAY", weak)
    mint("li", 100)

    def spend(thread):
        seen = {"done": 0, "lost": 0}
        for n in range(30):
            try:
                ledger.post(TransferSpec(f"s:{thread}:{n}", "s", (Leg("li", "shop", 1),)))
                seen["done"] += 1
            except (LostLockError, IntegrityError):  # or the trigger: a balance and its lots change together
                seen["lost"] += 1
            except errors.InsufficientFunds:
                pass
        return seen

    results = run_concurrently(spend, 8).raise_unless().results
    assert total(results, "lost") > 0, "without the lock nobody raced: the tests above prove nothing"
    assert total(results, "done") <= 100
    clean()


@pytest.mark.pg_only("row locks")
def test_closes_of_the_same_month_and_redemptions_beside_them_count_every_record_once(run_concurrently):
    """Two closes post the same credits in the other order, while the wallets pay; a control is the key."""
    specs = [
        TransferSpec(f"mint:{n}", "mint", (Leg("issuance", ("li", "wang", "zhao")[n % 3], 10 + n, None),))
        for n in range(90)
    ]

    def work(thread):
        if thread < 4:
            mine = specs if thread % 2 else specs[::-1]
            return [one.posted.replayed for one in ledger.post_many(mine, batch=30)]
        return attempts(lambda n: ledger.post(TransferSpec(f"s:{thread}:{n}", "s", (Leg("li", "shop", 3),))), 20)

    results = run_concurrently(work, 8, timeout=150).raise_unless().results
    assert sum(not replayed for one in results[:4] for replayed in one) == 90
    paid = 3 * total(results[4:], "done")
    assert read.balance_of("li").total == sum(10 + n for n in range(0, 90, 3)) - paid
    assert Transfer.objects.filter(kind="mint").count() == 90
    clean()


@pytest.mark.parametrize("debit", ["li", "issuance"])
def test_same_key_from_eight_posts_once(run_concurrently, debit):
    mint("li", 100)
    spec = TransferSpec("submit", "s", (Leg(debit, "shop", 60),))
    results = run_concurrently(lambda: ledger.post(spec), 8).raise_unless().results
    assert len({posted.id for posted in results}) == 1
    assert sum(not posted.replayed for posted in results) == 1
    assert read.balance_of("shop").total == 60
    clean()


def test_same_key_inside_callers_transactions_posts_once_and_spoils_nobody(run_concurrently):
    def submit():
        with transaction.atomic():
            posted = ledger.post(TransferSpec("hand over", "s", (Leg("shop", "bath", 5),)))
            assert Account.objects.filter(key="li").exists()  # the transaction is still good
            return posted

    results = run_concurrently(submit, 6).raise_unless().results
    assert sum(not posted.replayed for posted in results) == 1
    assert read.balance_of("bath").total == 5


def test_same_key_with_different_content_leaves_one(run_concurrently):
    mint("li", 100)

    def submit(number):
        try:
            return ledger.post(TransferSpec("one key", "s", (Leg("li", "shop", 10 + number),)))
        except errors.KeyConflict:
            return None

    results = run_concurrently(submit, 6).raise_unless().results
    assert sum(posted is not None for posted in results) == 1
    clean()


def test_opposite_directions_never_deadlock(run_concurrently):
    mint("li", 1000)
    mint("wang", 1000)

    def pass_on(thread):
        giver, taker = ("li", "wang") if thread % 2 else ("wang", "li")
        return attempts(lambda n: ledger.post(TransferSpec(f"g:{thread}:{n}", "g", (Leg(giver, taker, 1),))), 20)

    results = run_concurrently(pass_on, 8, timeout=120).raise_unless().results
    assert total(results, "done") == 160
    assert read.balance_of("li").total + read.balance_of("wang").total == 2000
    clean()


def test_a_transfer_is_reversed_once_by_six(run_concurrently):
    mint("li", 100)
    paid = ledger.post(TransferSpec("pay", "s", (Leg("li", "shop", 60),)))

    def reverse(number):
        return attempts(lambda _n: ledger.reverse(paid.id, key=f"r{number}", reason="", actor=""), 1)

    results = run_concurrently(reverse, 6).raise_unless().results
    assert (total(results, "done"), total(results, "already_reversed")) == (1, 5)
    assert read.balance_of("li").total == 100
    clean()


def test_refunds_from_eight_stay_within_what_was_paid(run_concurrently):
    mint("li", 100)
    paid = ledger.post(TransferSpec("pay", "s", (Leg("li", "shop", 100),)))

    def refund(thread):
        return attempts(lambda n: ledger.refund(paid.id, amount=7, key=f"r:{thread}:{n}", reason="", actor=""), 4)

    results = run_concurrently(refund, 8).raise_unless().results
    assert total(results, "done") == 14
    assert read.balance_of("li").total == 98
    clean()


def test_a_hold_is_resolved_once_by_capture_release_and_lapse(run_concurrently):
    import datetime as dt

    mint("li", 100)
    held = ledger.hold(key="h", wallet="li", amount=80, expires_at=dt.datetime.fromisoformat(FAR))

    def resolve(number):
        if number % 3 == 0:
            return attempts(lambda _n: ledger.capture(held.pk, to="shop", amount=50, key=f"c{number}", actor=""), 1)
        if number % 3 == 1:
            return attempts(lambda _n: ledger.release(held.pk, key=f"r{number}", actor=""), 1)
        return {"lapsed": ledger.lapse_due_holds(dt.datetime(2099, 2, 1, tzinfo=dt.UTC))}

    results = run_concurrently(resolve, 6).raise_unless().results
    assert total(results, "done") + total(results, "lapsed") == 1
    assert HoldResolution.objects.count() == 1
    assert read.balance_of("holds:PTS").total == 0
    clean()


def test_two_sweeps_expire_once(run_concurrently):
    import datetime as dt

    for number in range(30):
        ledger.post(TransferSpec(f"m{number}", "m", (Leg("issuance", "li", 3, dt.date(2020, 1, 1 + number)),)))
    reports = run_concurrently(lambda: ledger.expire_due(), 3).raise_unless().results
    assert sum(report.amount for report in reports) == 90
    assert read.balance_of("expired:PTS").total == 90
    clean()


def test_two_sealers_and_writers_leave_nothing_out(run_concurrently):
    mint("li", 10_000)

    def work(thread):
        if thread < 2:
            made = 0
            for _ in range(15):
                seal = ledger.seal(limit=7)
                made += seal.count if seal else 0
                time.sleep(0.003)
            return made
        for n in range(20):
            if n % 5 == 0:  # a slow writer: its low id becomes visible late
                with transaction.atomic():
                    ledger.post(TransferSpec(f"w:{thread}:{n}", "s", (Leg("issuance", "shop", 1),)))
                    time.sleep(0.02)
            else:
                ledger.post(TransferSpec(f"w:{thread}:{n}", "s", (Leg("li", "shop", 1),)))
        return 0

    run_concurrently(work, 8, timeout=150).raise_unless()
    ledger.seal_all()
    assert not Unsealed.objects.exists()
    assert Seal.objects.latest("number").number == Seal.objects.count()
    assert sum(Seal.objects.values_list("count", flat=True)) == Transfer.objects.count() == 6 * 20 + 1
    clean()


def test_accounts_are_opened_once_by_many(run_concurrently):
    opened = run_concurrently(lambda: ledger.open_account(key="new", kind="wallet").pk, 6).raise_unless().results
    assert len(set(opened)) == 1
    assert Account.objects.filter(key="new").count() == 1


def test_a_random_mix_of_everything_keeps_every_promise(run_concurrently):
    """Post, give, pay, refund, reverse, hold, capture, expire and seal from eight connections, then verify."""
    import datetime as dt

    for wallet in ("li", "wang", "zhao"):
        mint(wallet, 500)

    def one(dice, thread, n, mine):
        wallet, other = dice.sample(["li", "wang", "zhao"], 2)
        key, amount, choice = f"x:{thread}:{n}", dice.randint(1, 90), dice.randrange(9)
        if choice == 0:
            day = dice.choice([None, dt.date(2020, 1, 1), dt.date(2099, 1, 1)])
            mine.append(ledger.post(TransferSpec(key, "m", (Leg("issuance", wallet, amount, day),))).id)
        elif choice in {1, 2}:
            legs = (Leg(wallet, "shop", amount), Leg(wallet, "bath", 1))
            mine.append(ledger.post(TransferSpec(key, "s", legs)).id)
        elif choice == 3:
            ledger.post(TransferSpec(key, "g", (Leg(wallet, other, amount),)))
        elif choice == 4 and mine:
            ledger.refund(dice.choice(mine), amount=dice.randint(1, 40), key=key, reason="", actor="")
        elif choice == 5 and mine:
            ledger.reverse(dice.choice(mine), key=key, reason="", actor="")
        elif choice == 6:
            held = ledger.hold(key=key, wallet=wallet, amount=amount, expires_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
            ledger.capture(held.pk, to="shop", amount=max(1, amount // 2), key=f"{key}:c", actor="")
        elif choice == 7:
            ledger.expire_due()
        else:
            ledger.seal(limit=20)

    def work(thread):
        dice, mine = random.Random(thread), []
        return attempts(lambda n: one(dice, thread, n, mine), 25)

    results = run_concurrently(work, 8, timeout=170).raise_unless().results
    assert total(results, "done") > 60
    ledger.seal_all()
    clean()
    assert Posting.objects.filter(amount__lte=0).count() == 0
