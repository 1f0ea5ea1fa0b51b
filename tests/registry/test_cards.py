"""Cards open with their PIN, and only with it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.factories.people import make_resident, make_staff
from timebank.registry import selectors, services
from timebank.registry.errors import CardBlocked, HasCard, NoPin, NotAllowed, PinLocked, UnknownCard, WeakPin, WrongPin
from timebank.registry.models import AuditEntry, Card


def test_a_card_opens_with_its_pin_and_only_with_it(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    assert "2580" not in card.pin_hash
    assert services.check_pin(card_number=f" {card.number.lower()} ", pin="2580") == card
    with pytest.raises(WrongPin) as refusal:
        services.check_pin(card_number=card.number, pin="2581")
    assert refusal.value.params["left"] == 4
    with pytest.raises(UnknownCard):
        services.check_pin(card_number="AAAAAAAAAA", pin="2580")


def test_wrong_pins_pause_the_card_ever_longer_and_never_block_it(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    now = timezone.now()

    def fail(moment):
        with pytest.raises((WrongPin, PinLocked, CardBlocked)) as refusal:
            services.check_pin(card_number=card.number, pin="9999", now=moment)
        return refusal.value.code

    assert [fail(now) for _ in range(5)] == ["wrong_pin"] * 4 + ["pin_locked"]
    with pytest.raises(PinLocked):
        services.check_pin(card_number=card.number, pin="2580", now=now)
    later = now + dt.timedelta(minutes=16)
    assert [fail(later) for _ in range(5)][-1] == "pin_locked"
    assert fail(later + dt.timedelta(minutes=29)) == "pin_locked"  # twice as long as the first pause
    for day in range(1, 11):  # a stranger who knows the number can't block it for good
        assert [fail(now + dt.timedelta(days=day, hours=2 * day)) for _ in range(5)][-1] == "pin_locked"
    card.refresh_from_db()
    assert card.status == Card.Status.ACTIVE
    assert card.pin_locked_until <= now + dt.timedelta(days=12)
    assert services.check_pin(card_number=card.number, pin="2580", now=now + dt.timedelta(days=13)) == card
    assert AuditEntry.objects.filter(action="pin_refused", subject=f"card:{card.number}").count() == 12


def test_the_right_pin_forgets_wrong_ones(admin, resident):
    card = services.issue_card(resident=resident, actor=admin, pin="2580")
    for _ in range(4):
        with pytest.raises(WrongPin):
            services.check_pin(card_number=card.number, pin="9999")
    services.check_pin(card_number=card.number, pin="2580")
    card.refresh_from_db()
    assert card.pin_failures == 0


def test_a_card_without_pin_spends_nothing(admin, resident):
    card = services.issue_card(resident=resident, actor=admin)
    with pytest.raises(NoPin):
        services.check_pin(card_number=card.number, pin="")
    services.set_pin(card=card, pin="2580", actor=resident.user)
    assert services.check_pin(card_number=card.number, pin="2580") == card


@pytest.mark.parametrize("pin", ["1234", "8765", "0000", "777777", "12", "1234567", "12a4", "１２３４", "①③⑤⑦"])
def test_a_pin_that_is_guessed_at_once_is_refused(admin, resident, pin):
    with pytest.raises(WeakPin):
        services.issue_card(resident=resident, actor=admin, pin=pin)
    assert not Card.objects.exists()


def test_one_card_at_a_time(admin, resident):
    first = services.issue_card(resident=resident, actor=admin)
    with pytest.raises(HasCard):
        services.issue_card(resident=resident, actor=admin)
    second = services.replace_card(card=first, actor=admin, pin="2580", reason="lost")
    first.refresh_from_db()
    assert (first.status, first.blocked_reason) == (Card.Status.BLOCKED, "lost")
    assert selectors.active_card(resident) == second
    assert selectors.card_holder(second.number) == resident
    with pytest.raises(CardBlocked):
        selectors.card_holder(first.number)


def test_holder_helper_and_village_may_block_and_nobody_else(places, admin, elder):
    card = services.issue_card(resident=elder, actor=admin, pin="2580")
    nephew = make_resident(places.village, "侄子")
    with pytest.raises(NotAllowed):
        services.block_card(card=card, actor=nephew.user)
    card.refresh_from_db()
    assert card.status == Card.Status.ACTIVE
    services.add_proxy(resident=elder, helper=nephew.user, relation="kin", actor=admin)
    services.block_card(card=card, actor=nephew.user, reason="丢了")
    entry = AuditEntry.objects.get(action="block_card")
    assert (entry.actor, entry.on_behalf_of) == (nephew.user, elder)


@pytest.mark.parametrize("role", ["verifier", "stock_keeper", "clerk", "town_admin"])
def test_only_the_village_admin_issues_cards(places, resident, role):
    with pytest.raises(NotAllowed):
        services.issue_card(resident=resident, actor=make_staff(role, places.village))
    assert not Card.objects.exists()
