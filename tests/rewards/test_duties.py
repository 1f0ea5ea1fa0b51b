"""Nobody hands over to themselves, their household or whom they help; nor undoes or cancels it as staff."""

from __future__ import annotations

import pytest

from marketplace.rewards import services
from marketplace.rewards.services import handing_over
from tests.factories.rewards import points_of
from timebank.registry import services as registry
from timebank.registry.errors import ConflictOfInterest

pytestmark = pytest.mark.django_db


@pytest.fixture
def grandmother(world):
    elder = world.resident("周奶奶", points=3000, sign_in=False)
    registry.add_proxy(resident=elder, helper=world.clerk, relation="village", actor=None)
    return elder


def test_the_clerk_who_helps_her_does_not_hand_over_to_her(world, grandmother):
    ticket = world.redeem(grandmother, (world.soap, 1), actor=world.clerk, on_behalf_of=grandmother).tickets.get()
    scan = services.hand_over(code=ticket.code, actor=world.clerk, nonce="a")
    ticket.refresh_from_db()
    assert (scan.result, scan.ok, ticket.state) == ("other_person", False, "issued")
    assert services.hand_over(code=ticket.code, actor=world.clerk, nonce="a").pk == scan.pk  # kept and answered again
    other = world.staff("李店员", "clerk")
    assert services.hand_over(code=ticket.code, actor=other, nonce="b").ok


def test_control_without_the_predicate_she_gets_it_from_her_helper(world, grandmother, monkeypatch):
    monkeypatch.setattr(handing_over, "needs_another", lambda actor, ticket, now: False)
    ticket = world.redeem(grandmother, (world.soap, 1), actor=world.clerk, on_behalf_of=grandmother).tickets.get()
    assert services.hand_over(code=ticket.code, actor=world.clerk, nonce="a").ok


def test_the_clerk_who_helps_her_undoes_nothing_of_hers(world, grandmother):
    ticket = world.redeem(grandmother, (world.soap, 1), actor=world.clerk, on_behalf_of=grandmother).tickets.get()
    other = world.staff("李店员", "clerk")
    services.hand_over(code=ticket.code, actor=other, nonce="b")
    with pytest.raises(ConflictOfInterest):
        services.undo_hand_over(ticket=ticket, actor=world.clerk)
    ticket.refresh_from_db()
    assert ticket.state == "handed_over"
    assert points_of(grandmother) == 2500


def test_who_redeemed_for_her_hands_nothing_over_even_after_the_help_ended(world, grandmother):
    ticket = world.redeem(grandmother, (world.soap, 1), actor=world.clerk, on_behalf_of=grandmother).tickets.get()
    registry.end_proxy(proxy=grandmother.proxies.get(), actor=world.clerk)
    assert services.hand_over(code=ticket.code, actor=world.clerk, nonce="c").result == "other_person"


def test_who_serves_at_the_counter_cancels_there_nothing_of_whom_they_help(world, grandmother):
    ticket = world.redeem(grandmother, (world.soap, 1), actor=world.clerk, on_behalf_of=grandmother).tickets.get()
    with pytest.raises(ConflictOfInterest):
        services.cancel_ticket(ticket=ticket, actor=world.clerk, on_behalf_of=grandmother)
    ticket.refresh_from_db()
    assert ticket.state == "issued"
