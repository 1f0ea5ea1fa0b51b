"""Stock, tickets and points under any sequence of events, against a model that fits on one screen."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from marketplace.partner.errors import OutOfStock
from marketplace.rewards import errors, services
from marketplace.rewards.models import Redemption, Ticket
from tests.factories.rewards import (
    World,
    assert_stock_is_its_history,
    build,
    counters,
    escrow_of,
    points_of,
    redeemed_of,
)
from timebank.ledger.testing import assert_ledger_clean

SOAP, BATH = 500, 1000


class Market(RuleBasedStateMachine):
    """One resident, one shelf of soap, one bath house."""

    world: World
    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.undo_me = transaction.atomic()
        self.undo_me._from_testcase = True  # as in a test case: sweeps begin durable transactions of their own
        self.undo_me.__enter__()
        self.shelf, self.promised, self.wallet = 10, 0, 10000
        self.waiting = {"shop": 0, "bath": 0}
        self.done = {"shop": 0, "bath": 0}
        self.state: dict[int, str] = {}
        self.key: uuid.UUID | None = None

    def teardown(self) -> None:
        assert_ledger_clean()
        transaction.set_rollback(True)
        self.undo_me.__exit__(None, None, None)

    # -- What can happen --------------------------------------------------------------------------------------------
    @rule(target=tickets, soap=st.integers(0, 4), baths=st.integers(0, 3))
    def redeem(self, soap: int, baths: int) -> Any:
        cost = soap * SOAP + baths * BATH
        wanted = [(record, count) for record, count in ((self.world.soap, soap), (self.world.ticket, baths)) if count]
        refusal: type[Exception] | None = None
        if not wanted:
            refusal = errors.BasketEmpty
        elif soap > self.shelf - self.promised:
            refusal = OutOfStock
        elif cost > self.wallet:
            refusal = errors.InsufficientPoints
        key = uuid.uuid4()
        if refusal:
            with pytest.raises(refusal):
                self.world.redeem(self.world.sister, *wanted, key=key)
            return multiple()
        made = self.world.redeem(self.world.sister, *wanted, key=key)
        assert self.world.redeem(self.world.sister, *wanted, key=key).pk == made.pk
        self.wallet -= cost
        self.promised += soap
        self.waiting["shop"] += soap * SOAP
        self.waiting["bath"] += baths * BATH
        found = list(made.tickets.order_by("pk"))
        assert len(found) == (1 if soap else 0) + baths
        self.state |= {ticket.pk: "issued" for ticket in found}
        return multiple(*(ticket.pk for ticket in found))

    @rule(pk=tickets)
    def hand_over(self, pk: int) -> None:
        ticket = Ticket.objects.get(pk=pk)
        answer = services.hand_over(code=ticket.code, actor=self.world.admin, nonce=str(uuid.uuid4()))
        if self.state[pk] != "issued":
            assert not answer.ok
            return
        assert answer.ok
        place = self.place(ticket)
        self.waiting[place] -= ticket.points
        self.done[place] += ticket.points
        if place == "shop":
            self.shelf -= ticket.quantity
            self.promised -= ticket.quantity
        self.state[pk] = "handed_over"

    @rule(pk=tickets)
    def undo(self, pk: int) -> None:
        ticket = Ticket.objects.get(pk=pk)
        if self.state[pk] != "handed_over":
            with pytest.raises(errors.AlreadyClosed):
                services.undo_hand_over(ticket=ticket, actor=self.world.admin)
            return
        services.undo_hand_over(ticket=ticket, actor=self.world.admin)
        place = self.place(ticket)
        self.waiting[place] += ticket.points
        self.done[place] -= ticket.points
        if place == "shop":
            self.shelf += ticket.quantity
            self.promised += ticket.quantity
        self.state[pk] = "issued"

    @rule(pk=tickets)
    def cancel(self, pk: int) -> None:
        ticket = Ticket.objects.get(pk=pk)
        if self.state[pk] != "issued":
            with pytest.raises((errors.AlreadyClosed, errors.AlreadyHandedOver)):
                services.cancel_ticket(ticket=ticket, actor=self.world.sister.user)
            return
        services.cancel_ticket(ticket=ticket, actor=self.world.sister.user)
        self.refund(ticket, "cancelled")

    @rule(pk=consumes(tickets))
    def cancel_the_whole(self, pk: int) -> None:
        made = Ticket.objects.get(pk=pk).redemption
        open_ones = [t for t in made.tickets.all() if self.state[t.pk] == "issued"]
        if not open_ones:
            with pytest.raises((errors.AlreadyClosed, errors.AlreadyHandedOver)):
                services.cancel_redemption(redemption=made, actor=self.world.sister.user)
            return
        services.cancel_redemption(redemption=made, actor=self.world.sister.user)
        for ticket in open_ones:
            self.refund(ticket, "cancelled")

    @rule()
    def let_time_pass(self) -> None:
        expected = [pk for pk, state in self.state.items() if state == "issued"]
        assert services.expire_tickets(now=timezone.now() + dt.timedelta(days=91)) == len(expected)
        for ticket in Ticket.objects.filter(pk__in=expected):
            self.refund(ticket, "expired")

    @rule(quantity=st.integers(1, 5))
    def receive(self, quantity: int) -> None:
        services.receive_stock(stockrecord=self.world.soap, quantity=quantity, actor=self.world.keeper)
        self.shelf += quantity

    @rule(quantity=st.integers(0, 15), kind=st.sampled_from(["count", "write_off"]))
    def adjust(self, quantity: int, kind: str) -> None:
        after = quantity if kind == "count" else self.shelf - quantity
        facts = {"stockrecord": self.world.soap, "quantity": quantity, "kind": kind, "reason": "盘点"}
        if kind == "write_off" and not quantity:
            with pytest.raises(errors.InvalidQuantity):
                services.adjust_stock(**facts, actor=self.world.keeper)
        elif after < self.promised:
            with pytest.raises(errors.StockTooLow):
                services.adjust_stock(**facts, actor=self.world.keeper)
        else:
            asked = services.adjust_stock(**facts, actor=self.world.keeper)
            if after < self.shelf:  # nothing moves before a second person has decided
                assert counters(self.world.soap) == (self.shelf, self.promised)
                services.decide_write_off(asked=asked, actor=self.world.admin, approve=True)
            self.shelf = after

    # -- What must always hold --------------------------------------------------------------------------------------
    @invariant()
    def everything_agrees(self) -> None:
        assert counters(self.world.soap) == (self.shelf, self.promised)
        assert points_of(self.world.sister) == self.wallet
        assert escrow_of(self.world.shop) == self.waiting["shop"]
        assert escrow_of(self.world.bath) == self.waiting["bath"]
        assert redeemed_of(self.world.shop) == self.done["shop"]
        assert redeemed_of(self.world.bath) == self.done["bath"]
        assert dict(Ticket.objects.values_list("pk", "state")) == self.state
        assert_stock_is_its_history(self.world.soap)
        for made in Redemption.objects.prefetch_related("tickets", "orders__tickets"):
            for one, said in [(made, made.state)] + [(order, order.status) for order in made.orders.all()]:
                states = {ticket.state for ticket in one.tickets.all()}
                assert said == said_of(states)

    def refund(self, ticket: Ticket, state: str) -> None:
        place = self.place(ticket)
        self.waiting[place] -= ticket.points
        self.wallet += ticket.points
        if place == "shop":
            self.promised -= ticket.quantity
        self.state[ticket.pk] = state

    def place(self, ticket: Ticket) -> str:
        return "shop" if ticket.partner_id == self.world.shop.pk else "bath"


def said_of(states: set[str]) -> str:
    """Say the state of the whole, independently of the product's own words."""
    if "issued" in states:
        return "partly_handed_over" if "handed_over" in states else "placed"
    return next(state for state in ("handed_over", "cancelled", "expired") if state in states)


@pytest.mark.slow("some hundred steps through the services")
def test_stock_tickets_and_points_agree_with_the_model(db):
    Market.world = build()
    run_state_machine_as_test(
        Market,
        settings=settings(
            max_examples=int(os.environ.get("MARKET_EXAMPLES", "15")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
