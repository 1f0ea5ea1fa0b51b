"""The check that runs after every test with money can fail, and does: one fen, one kind, one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from marketplace.funds import posting
from marketplace.funds.models import Commitment, DrawDown, DrawShare, Fund, Payout
from tests import conftest
from tests.factories.funds import ACTOR, Money
from tests.funds.test_settlement import approved, paid_account, send, statement, tickets
from tests.support.money import assert_money_adds_up


class Undone(Exception):
    """Take back what a case spoiled."""


def test_each_thing_that_does_not_add_up_is_named(money: Money) -> None:
    Fund.objects.update(floor_bp=0)
    money.give(100_000)
    paid_account(money)
    tickets(money, 1, 2)
    send(money, approved(money, statement(money)))
    tickets(money, 3)
    bank, wallet = money.bank.asset_key, money.fund.wallet_key
    payable = posting.payable_key(fund=money.fund, partner_id=money.world.bath.pk)

    def post(kind: str, debit: str, credit: str) -> Callable[[], Any]:
        legs = [posting.Leg(debit, credit, 1)]
        return lambda: posting.post_money(key=f"x:{kind}", kind=kind, legs=legs, actor=ACTOR, source="x")

    cases: dict[str, tuple[Callable[[], Any], str]] = {
        "a fen by an unknown kind": (post("gift_of_god", bank, wallet), "unknown kind"),
        "a fen on its way for ever": (post("purpose", wallet, posting.TRANSIT), "transit"),
        "a fen that nobody is owed": (post("draw", wallet, payable), payable),
        "a ticket that costs a fen more": (lambda: DrawDown.objects.filter(ticket_id=3).update(fen=801), "shares of"),
        "a share that is gone": (lambda: DrawShare.objects.filter(draw__ticket_id=3).delete(), "shares of"),
        "a ticket paid by nobody": (lambda: DrawDown.objects.filter(ticket_id=3).update(state="reversed"), payable),
        "a payout that was never paid": (lambda: Payout.objects.update(state="sent"), "settled with suppliers"),
        "a promise kept and still open": (lambda: Commitment.objects.filter(ticket_id=3).update(state="open"), "open"),
    }
    assert_money_adds_up()
    for case, (spoil, word) in cases.items():
        with pytest.raises(Undone), transaction.atomic():
            spoil()
            with pytest.raises(AssertionError) as found:
                assert_money_adds_up()
            assert word in str(found.value), case
            raise Undone
    assert_money_adds_up()


def test_the_suite_looks_after_a_test(money: Money, request: pytest.FixtureRequest) -> None:
    """The suite's own fixture, let go on here over a spoiled row, fails."""
    Fund.objects.update(floor_bp=0)
    money.give(10_000)
    tickets(money, 1)
    watching = conftest._ledger_still_verifies.__wrapped__(request)
    next(watching)
    with pytest.raises(Undone), transaction.atomic():
        DrawDown.objects.update(fen=801)
        with pytest.raises(AssertionError, match="money does not add up"):
            next(watching)
        raise Undone
