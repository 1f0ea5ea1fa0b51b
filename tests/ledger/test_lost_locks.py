"""What is said when a wallet changed between its lock and the writing: a defect, named, and nothing is written.

That it is found under fire is shown in ``tests/concurrency``; here the errors are made by hand.
"""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from tests.ledger.conftest import SOON
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.fast import calls
from timebank.ledger.fast.functions import LOST_LOCK
from timebank.ledger.fast.wire import Wire
from timebank.ledger.models import Transfer
from timebank.ledger.store import LostLockError, postgres
from timebank.ledger.types import Leg, TransferSpec

pytestmark = [pytest.mark.fast_path("its errors are made by hand"), pytest.mark.django_db]

UNIQUE, CHECK = "23505", "23514"


def refuse(code):
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'; END $$")


@pytest.fixture
def answered(monkeypatch):
    """Return what makes the short way fail with a code after it has done its work."""

    def with_code(code):
        finish = Wire.finish
        monkeypatch.setattr(Wire, "finish", lambda self, statement: (finish(self, statement), refuse(code)))

    return with_code


def credits():
    return [TransferSpec(f"m:{who}", "mint", (Leg("issuance", who, 5, SOON),)) for who in ("li", "wang")]


@pytest.mark.parametrize(("code", "lost"), [(LOST_LOCK, True), (UNIQUE, False), (CHECK, False)])
def test_it_has_a_code_of_its_own(db, code, lost):
    with pytest.raises(DatabaseError) as raised, transaction.atomic():
        refuse(code)
    assert calls.lost_lock(raised.value) is lost
    assert not calls.lost_lock(DatabaseError("of nobody")), "there is no answer of the database behind it"


def test_a_payment_names_the_wallet(move, answered):
    move("issuance", "li", 50, until=SOON)
    answered(LOST_LOCK)
    with pytest.raises(LostLockError) as raised, transaction.atomic():
        move("li", "shop", 5)
    assert raised.value.args == (["li"],)
    assert read.balance_of("li").total == 50


@pytest.mark.parametrize(("code", "error"), [(LOST_LOCK, LostLockError), (CHECK, IntegrityError)])
def test_credits_say_so(village, answered, code, error):
    answered(code)
    with pytest.raises(error), transaction.atomic():
        ledger.post_many(credits())
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("code", [UNIQUE, CHECK])
def test_another_error_of_a_payment_in_a_transaction_is_passed_on(move, answered, code):
    move("issuance", "li", 50, until=SOON)
    answered(code)
    with pytest.raises(IntegrityError), transaction.atomic():
        move("li", "shop", 5)
    assert read.balance_of("li").total == 50


@pytest.mark.django_db(transaction=True)
def test_by_itself_a_payment_whose_key_is_taken_goes_the_long_way(move, answered):
    move("issuance", "li", 50, until=SOON)
    answered(UNIQUE)  # it is committed by then: the long way finds it
    assert move("li", "shop", 5).replayed
    assert read.balance_of("li").total == 45


@pytest.mark.django_db(transaction=True)
def test_by_itself_a_payment_passes_another_error_on(move, answered):
    move("issuance", "li", 50, until=SOON)
    answered(CHECK)
    with pytest.raises(IntegrityError):
        move("li", "shop", 5)


@pytest.mark.parametrize("field", ["version", "lot"])
def test_the_long_way_writes_only_what_is_as_it_was_read(move, monkeypatch, field):
    move("issuance", "li", 50, until=SOON)
    take = postgres.PostgresStore.take

    def stale(self, *asked):
        ids, accounts, lots, known = take(self, *asked)
        if field == "version":
            accounts = [row._replace(version=row.version + 1) for row in accounts]
        else:
            lots = [row._replace(remaining=row.remaining + 1) for row in lots]
        return ids, accounts, lots, known

    monkeypatch.setattr(postgres.PostgresStore, "take", stale)
    with pytest.raises(LostLockError) as raised, transaction.atomic():
        move("li", "wang", 5)
    assert raised.value.args == (["li", "wang"],)
    assert read.balance_of("li").total == 50
