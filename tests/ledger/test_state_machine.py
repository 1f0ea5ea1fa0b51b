"""Random histories against a ledger of twenty lines of plain Python: every answer, balance and lot must agree."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from timebank.ledger import errors
from timebank.ledger import selectors as read
from timebank.ledger import services as ledger
from timebank.ledger.types import NEVER, Leg, TransferSpec
from timebank.ledger.verify import verify

PAST, SOON, LATER = dt.date(2020, 1, 31), dt.date(2099, 6, 30), dt.date(2099, 12, 31)
WALLETS = ["a", "b", "c"]
SHOPS = ["shop", "bath"]
FAR = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)

wallets = st.sampled_from(WALLETS)
shops = st.sampled_from(SHOPS)
amounts = st.integers(min_value=1, max_value=60)
days = st.sampled_from([PAST, SOON, LATER, NEVER])
earmarks = st.sampled_from(["", "", "food"])


class Model:
    """The plain ledger: lots in dictionaries, one rule after the other."""

    def __init__(self):
        self.lots = defaultdict(lambda: defaultdict(int))
        self.debt = defaultdict(int)
        self.system = defaultdict(int)

    def take(self, wallet, amount, allow=(), first=None):
        """Return what is eaten as [(lot, part)], or None."""
        today = timezone.localdate()
        eaten, missing = [], amount
        keys = sorted(self.lots[wallet], key=lambda lot: (lot[0], lot[1] == "", lot[1]))
        if first in keys:
            keys.remove(first)
            keys.insert(0, first)
        for lot in keys:
            if lot != first and (lot[0] < today or (lot[1] and lot[1] not in allow)):
                continue
            part = min(self.lots[wallet][lot], missing)
            if part:
                eaten.append((lot, part))
                missing -= part
        return None if missing else eaten

    def eat(self, wallet, eaten):
        for lot, part in eaten:
            self.lots[wallet][lot] -= part

    def credit(self, wallet, lot, amount):
        self.lots[wallet][lot] += amount
        if not lot[1] and lot[0] >= timezone.localdate():
            back = min(self.debt[wallet], amount)
            self.debt[wallet] -= back
            self.lots[wallet][lot] -= back
            self.system["debt:PTS"] += back


def graced(lot):
    return (timezone.localdate() + dt.timedelta(days=30), lot[1]) if lot[0] < timezone.localdate() else lot


class LedgerMachine(RuleBasedStateMachine):
    paid = Bundle("paid")
    minted = Bundle("minted")
    held = Bundle("held")

    def __init__(self):
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.model = Model()
        self.number = 0
        self.posted = {}

    def teardown(self):
        report = verify()
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)
        assert report.clean, report.findings

    def key(self):
        self.number += 1
        return f"k{self.number}"

    def attempt(self, spec, expected):
        """Post; refuse as the model refuses; remember for replays."""
        if expected is None:
            with pytest.raises(errors.InsufficientFunds):
                ledger.post(spec)
            return None
        answer = ledger.post(spec)
        self.posted[spec.key] = (spec, answer)
        return answer

    @initialize()
    def open(self):
        for key in WALLETS:
            ledger.open_account(key=key, kind="wallet")
        for key in ["issuance", *SHOPS]:
            ledger.open_account(key=key, kind="system")

    @rule(target=minted, wallet=wallets, amount=amounts, day=days, earmark=earmarks)
    def mint(self, wallet, amount, day, earmark):
        until = None if day == NEVER else day
        spec = TransferSpec(self.key(), "mint", (Leg("issuance", wallet, amount, until, earmark),))
        answer = self.attempt(spec, True)
        self.model.system["issuance"] -= amount
        self.model.credit(wallet, (day, earmark), amount)
        return {"id": answer.id, "wallet": wallet, "amount": amount, "lot": (day, earmark), "done": False}

    @rule(target=paid, wallet=wallets, first=amounts, second=st.integers(0, 30), food=st.booleans())
    def pay(self, wallet, first, second, food):
        legs = [Leg(wallet, "shop", first)] + ([Leg(wallet, "bath", second)] if second else [])
        allow = ("food",) if food else ()
        eaten = self.model.take(wallet, first + second, allow)
        answer = self.attempt(TransferSpec(self.key(), "redeem", tuple(legs), allow_restrictions=allow), eaten)
        if answer is None:
            return {"id": None}
        assert [(use.expires_on or NEVER, use.restriction, use.amount) for use in answer.lots] == [
            (*lot, part) for lot, part in eaten
        ]
        self.model.eat(wallet, eaten)
        self.model.system["shop"] += first
        self.model.system["bath"] += second
        parts, left = [], first
        for lot, part in eaten:  # the first leg eats first
            one = min(left, part)
            parts += [("shop", lot, one)] if one else []
            parts += [("bath", lot, part - one)] if part - one else []
            left -= one
        return {"id": answer.id, "wallet": wallet, "parts": parts, "given": 0, "done": False}

    @rule(giver=wallets, taker=wallets, amount=amounts)
    def give(self, giver, taker, amount):
        if giver == taker:
            return
        eaten = self.model.take(giver, amount)
        answer = self.attempt(TransferSpec(self.key(), "gift", (Leg(giver, taker, amount),)), eaten)
        if answer:
            self.model.eat(giver, eaten)
            for lot, part in eaten:
                self.model.credit(taker, lot, part)

    @rule(data=st.data())
    def replay(self, data):
        if not self.posted:
            return
        spec, answer = self.posted[data.draw(st.sampled_from(sorted(self.posted)))]
        again = ledger.post(spec)
        assert again == answer._replace(replayed=True)
        with pytest.raises(errors.KeyConflict):
            ledger.post(spec._replace(memo="something else"))

    @rule(mint=minted)
    def reverse_mint(self, mint):
        if mint["done"]:
            with pytest.raises(errors.AlreadyReversed):
                ledger.reverse(mint["id"], key=self.key(), reason="", actor="")
            return
        ledger.reverse(mint["id"], key=self.key(), reason="", actor="")
        mint["done"] = True
        wallet, amount, lot = mint["wallet"], mint["amount"], mint["lot"]
        today = timezone.localdate()
        there = sum(v for k, v in self.model.lots[wallet].items() if k == lot or (k[0] >= today and not k[1]))
        lent = max(0, amount - there)
        self.model.debt[wallet] += lent
        self.model.system["debt:PTS"] -= lent
        self.model.lots[wallet][lot] += lent
        self.model.eat(wallet, self.model.take(wallet, amount, first=lot))
        self.model.system["issuance"] += amount

    @rule(paid=paid)
    def reverse_payment(self, paid):
        if paid["id"] is None:
            return
        if paid["done"] or paid["given"]:
            with pytest.raises((errors.AlreadyReversed, errors.RefundExceeds)):
                ledger.reverse(paid["id"], key=self.key(), reason="", actor="")
            return
        ledger.reverse(paid["id"], key=self.key(), reason="", actor="")
        paid["done"] = True
        for shop, lot, part in reversed(paid["parts"]):
            self.model.system[shop] -= part
            self.model.credit(paid["wallet"], graced(lot), part)

    @rule(paid=paid, amount=amounts)
    def refund(self, paid, amount):
        if paid["id"] is None:
            return
        total = sum(part for _shop, _lot, part in paid["parts"])
        if paid["done"] or paid["given"] + amount > total:
            with pytest.raises(errors.RefundExceeds):
                ledger.refund(paid["id"], amount=amount, key=self.key(), reason="", actor="")
            return
        ledger.refund(paid["id"], amount=amount, key=self.key(), reason="", actor="")
        skip, left = paid["given"], amount
        for shop, lot, part in reversed(paid["parts"]):
            gone = min(skip, part)
            skip -= gone
            back = min(part - gone, left)
            left -= back
            if back:
                self.model.system[shop] -= back
                self.model.credit(paid["wallet"], graced(lot), back)
        paid["given"] += amount

    @rule(target=held, wallet=wallets, amount=amounts)
    def hold(self, wallet, amount):
        eaten = self.model.take(wallet, amount)
        if eaten is None:
            with pytest.raises(errors.InsufficientFunds):
                ledger.hold(key=self.key(), wallet=wallet, amount=amount, expires_at=FAR)
            return {"id": None}
        made = ledger.hold(key=self.key(), wallet=wallet, amount=amount, expires_at=FAR)
        self.model.eat(wallet, eaten)
        self.model.system["holds:PTS"] += amount
        return {"id": made.pk, "wallet": wallet, "amount": amount, "eaten": eaten, "done": False}

    @rule(held=held, amount=st.integers(0, 60), shop=shops)
    def resolve(self, held, amount, shop):
        if held["id"] is None:
            return
        if held["done"]:
            with pytest.raises(errors.HoldResolved):
                ledger.capture(held["id"], to=shop, amount=1, key=self.key(), actor="")
            return
        if amount > held["amount"]:
            with pytest.raises(errors.InvalidAmount):
                ledger.capture(held["id"], to=shop, amount=amount, key=self.key(), actor="")
            return
        if amount:
            ledger.capture(held["id"], to=shop, amount=amount, key=self.key(), actor="")
        else:
            ledger.release(held["id"], key=self.key(), actor="")
        held["done"] = True
        self.model.system[shop] += amount
        self.model.system["holds:PTS"] -= held["amount"]
        for lot, part in held["eaten"]:
            used = min(amount, part)
            amount -= used
            if part - used:
                self.model.credit(held["wallet"], graced(lot), part - used)

    @rule()
    def expire(self):
        ledger.expire_due()
        for wallet in WALLETS:
            for lot, amount in self.model.lots[wallet].items():
                if lot[0] < timezone.localdate():
                    self.model.system["expired:PTS"] += amount
                    self.model.lots[wallet][lot] = 0

    @rule(limit=st.sampled_from([1, 3, 100]))
    def seal(self, limit):
        ledger.seal(limit=limit)

    @invariant()
    def balances_and_lots_agree(self):
        today = timezone.localdate()
        for wallet in WALLETS:
            lots = {lot: amount for lot, amount in self.model.lots[wallet].items() if amount}
            live = {lot: amount for lot, amount in lots.items() if lot[0] >= today}
            balance = read.balance_of(wallet)
            assert balance.total - balance.held == sum(lots.values())
            assert balance.spendable == sum(amount for lot, amount in live.items() if not lot[1])
            assert balance.restricted == sum(amount for lot, amount in live.items() if lot[1])
            assert balance.debt == self.model.debt[wallet]
            assert {
                ((view.expires_on or NEVER), view.restriction): view.remaining for view in read.lots_of(wallet)
            } == live
        for key in ["issuance", "holds:PTS", "debt:PTS", "expired:PTS", *SHOPS]:
            assert read.balance_of(key).total == self.model.system[key], key


@pytest.mark.django_db
def test_any_history_agrees_with_the_plain_ledger():
    examples = int(os.environ.get("LEDGER_EXAMPLES", "12"))
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=False,
        ),
    )
