"""A twin posts the same key between our look and our write: here the look is made blind, races are in concurrency."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.models import Transfer
from timebank.ledger.store import store_for
from timebank.ledger.types import Leg, TransferSpec


def spec(amount=5, key="k", debit="issuance"):
    return TransferSpec(key, "test", (Leg(debit, "shop", amount),))


@pytest.fixture
def blind(monkeypatch):
    """Let the next so many looks not see what is posted; return how many there were in all."""
    seen = []

    def make(looks):
        store = type(store_for("default"))
        take = store.take

        def blindly(self, *what):
            seen.append(what)
            *rest, known = take(self, *what)
            return (*rest, {} if len(seen) <= looks else known)

        monkeypatch.setattr(store, "take", blindly)
        return seen

    return make


def test_inside_a_transaction_the_twin_answers_and_the_rest_of_it_goes_on(village, blind):
    first = ledger.post(spec())
    seen = blind(1)
    with transaction.atomic():
        again = ledger.post(spec())
        other = ledger.post(spec(key="other"))
    assert again == first._replace(replayed=True)
    assert not other.replayed
    assert len(seen) == 3
    assert read.balance_of("shop").total == 10


def test_inside_a_transaction_a_twin_with_other_content_is_a_conflict(village, blind):
    ledger.post(spec())
    blind(1)
    with transaction.atomic(), pytest.raises(errors.KeyConflict) as refused:
        ledger.post(spec(amount=6))
    assert refused.value.params["key"] == "k"
    assert read.balance_of("shop").total == 5


def test_what_is_wrong_for_another_reason_is_not_taken_for_a_twin(village, blind, monkeypatch):
    ledger.post(spec())
    blind(9)
    monkeypatch.setattr(type(store_for("default")), "known", lambda self, uuids: {})
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.post(spec())
    assert Transfer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.pg_only("on SQLite the transaction itself is the lock, so there are no twins")
class TestOutsideATransaction:
    """There the whole is tried again, three times in all."""

    @pytest.mark.parametrize("looks", [1, 2])
    def test_the_next_look_sees_the_twin(self, village, blind, looks):
        first = ledger.post(spec())
        seen = blind(looks)
        assert ledger.post(spec()) == first._replace(replayed=True)
        assert len(seen) == looks + 1

    def test_who_stays_blind_gives_up(self, village, blind):
        ledger.post(spec())
        seen = blind(9)
        with pytest.raises(IntegrityError, match="ledger_transfer"):
            ledger.post(spec())
        assert len(seen) == 3

    def test_what_is_wrong_for_another_reason_is_not_tried_again(self, village, blind, monkeypatch):
        seen = blind(0)

        def broken(self, effects):
            raise IntegrityError("something else")

        monkeypatch.setattr(type(store_for("default")), "write", broken)
        with pytest.raises(IntegrityError, match="something else"):
            ledger.post(spec())
        assert len(seen) == 1


def test_inside_a_transaction_nothing_is_tried_again(village, blind, move):
    move("issuance", "li", 50)
    rows = [TransferSpec("k", "test", (Leg("li", "wang", 5),))]
    assert ledger.post_many(rows)[0].posted
    seen = blind(9)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.post_many(rows)
    assert len(seen) == 1


def test_a_twin_in_the_same_set_is_refused_like_the_first(village, move):
    move("issuance", "li", 50)
    rows = [TransferSpec(key, "test", (Leg("li", "shop", amount),)) for key, amount in [("a", 60), ("a", 60), ("b", 9)]]
    first, twin, other = ledger.post_many(rows)
    assert isinstance(first.error, errors.InsufficientFunds)
    assert isinstance(twin.error, errors.InsufficientFunds)
    assert (twin.key, twin.posted) == ("a", None)
    assert other.posted
    assert read.balance_of("shop").total == 9
