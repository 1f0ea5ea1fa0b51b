"""Cards and their PINs. A card names its holder; only with the PIN does it spend."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common import limits
from timebank.common.input import code as read_code
from timebank.common.input import digits
from timebank.common.limits import Limit
from timebank.registry import codes
from timebank.registry.errors import (
    CardBlocked,
    GaveSignIn,
    HasCard,
    NoPin,
    NotAllowed,
    PinLocked,
    RegistryError,
    ResidentClosed,
    ResidentNotActive,
    UnknownCard,
    WeakPin,
    WrongPin,
)
from timebank.registry.models import Card, Resident, User
from timebank.registry.rules import ISSUE_CARD, can, can_act_for, require
from timebank.registry.services.audit import record_audit

PIN_TRIES = 5  # wrong PINs in a row, then a pause
PIN_PAUSE = dt.timedelta(minutes=15)
PIN_LONGEST_PAUSE = dt.timedelta(days=1)  # never for good: a stranger with the number could block anybody's card
# Wrong PINs of one who tries, or from one device, at whichever cards; and at all cards of a village.
PIN_BY_ONE = Limit("wrong PINs by one", 20, 3600)
PIN_IN_VILLAGE = Limit("wrong PINs in a village", 100, 3600)


def _read_pin(pin: str) -> str:
    """Return a PIN as digits, also typed in full width; what is none stays, to be refused."""
    return digits(pin) or pin


def check_pin_form(pin: str) -> None:
    steps = {ord(b) - ord(a) for a, b in pairwise(pin)}
    if not (pin and digits(pin) == pin and 4 <= len(pin) <= 6) or steps in ({0}, {1}, {-1}):
        raise WeakPin(field="pin")


def _is_own(actor: User, resident: Resident) -> bool:
    return resident.user_id is not None and resident.user_id == actor.pk


@transaction.atomic
def issue_card(*, resident: Resident, actor: User | None, pin: str = "", now: dt.datetime | None = None) -> Card:
    """Issue a card; an active one must be blocked first. Without a PIN it can be shown but spends nothing."""
    if actor is not None:
        require(actor, ISSUE_CARD, resident.village)
    now = now or timezone.now()
    resident = Resident.objects.select_for_update(of=("self",)).select_related("village").get(pk=resident.pk)
    if resident.status == Resident.Status.CLOSED:
        raise ResidentClosed
    if resident.status != Resident.Status.ACTIVE:
        raise ResidentNotActive
    pin = _read_pin(pin)
    if pin:
        check_pin_form(pin)
    card = _write(resident, actor=actor, pin_hash=make_password(pin) if pin else "", now=now)
    record_audit(
        actor=actor,
        action="issue_card",
        subject=f"resident:{resident.pk}",
        region=resident.village,
        facts={"card": card.number},
        now=now,
    )
    return card


def _write(resident: Resident, *, actor: User | None, pin_hash: str, now: dt.datetime) -> Card:
    if resident.cards.filter(status=Card.Status.ACTIVE).exists():
        raise HasCard
    for _attempt in range(5):
        number = codes.new_card_number()
        if not Card.objects.filter(number=number).exists():
            break
    try:
        with transaction.atomic():
            return Card.objects.create(
                resident=resident,
                number=number,
                pin_hash=pin_hash,
                pin_set_by=actor if pin_hash else None,
                issued_at=now,
                issued_by=actor,
            )
    except IntegrityError:
        raise HasCard from None


@transaction.atomic
def set_pin(*, card: Card, pin: str, actor: User, now: dt.datetime | None = None) -> Card:
    """Set a new PIN, by the holder or at the village desk; it ends a pause after wrong ones."""
    card = Card.objects.select_for_update(of=("self",)).select_related("resident__village").get(pk=card.pk)
    if not _is_own(actor, card.resident):
        require(actor, ISSUE_CARD, card.resident.village)
    if card.status != Card.Status.ACTIVE:
        raise CardBlocked
    pin = _read_pin(pin)
    check_pin_form(pin)
    card.pin_hash, card.pin_set_by = make_password(pin), actor
    card.pin_failures = 0
    card.pin_locked_until = None
    card.save(update_fields=["pin_hash", "pin_set_by", "pin_failures", "pin_locked_until"])
    record_audit(actor=actor, action="set_pin", subject=f"card:{card.number}", region=card.resident.village, now=now)
    return card


def check_pin(
    *, card_number: str, pin: str, actor: User | None = None, device: str = "", now: dt.datetime | None = None
) -> Card:
    """Return the card whose PIN this is; raise ``UnknownCard, CardBlocked, NoPin, PinLocked, WrongPin, TooOften``.

    Who gave another's card its PIN can't use it (``GaveSignIn``): with the PIN they could spend alone.
    A wrong try is counted in a transaction of its own, so that refusing it can't undo the count: call this before
    you open yours.
    """
    now = now or timezone.now()
    keys = [key for key in (f"user:{actor.pk}" if actor is not None else "", device) if key]
    with transaction.atomic(durable=True):
        limits.require(PIN_BY_ONE, keys, now=now)
        outcome = _try_pin(read_code(card_number), _read_pin(pin), now)
        if isinstance(outcome, (WrongPin, PinLocked, UnknownCard)):
            limits.count(PIN_BY_ONE, keys, now=now)
    if isinstance(outcome, RegistryError):
        raise outcome
    if gave_pin(actor, outcome):
        raise GaveSignIn(field="pin")
    return outcome


def gave_pin(actor: User | None, card: Card) -> bool:
    """Say whether ``actor`` knows the PIN of somebody else's card because they set it."""
    return actor is not None and card.pin_set_by_id == actor.pk and not _is_own(actor, card.resident)


def _try_pin(number: str, pin: str, now: dt.datetime) -> Card | RegistryError:
    card = (
        Card.objects.select_for_update(of=("self",))
        .select_related("resident__village", "resident__household")
        .filter(number=number)
        .first()
    )
    if card is None:
        make_password(pin)  # as slow as a real check: time tells nothing about which numbers exist
        return UnknownCard(field="card_number")
    if card.status != Card.Status.ACTIVE or card.resident.status == Resident.Status.CLOSED:
        return CardBlocked(field="card_number")
    if not card.pin_hash:
        return NoPin(field="pin")
    if card.pin_locked_until is not None and card.pin_locked_until > now:
        return PinLocked(field="pin", until=card.pin_locked_until)
    village = [f"village:{card.resident.village_id}"]
    limits.require(PIN_IN_VILLAGE, village, now=now)
    if check_password(pin, card.pin_hash):
        if card.pin_failures or card.pin_locked_until:
            card.pin_failures = 0
            card.pin_locked_until = None
            card.save(update_fields=["pin_failures", "pin_locked_until"])
        return card
    limits.count(PIN_IN_VILLAGE, village, now=now)
    card.pin_failures += 1
    refusal: RegistryError = WrongPin(field="pin", left=PIN_TRIES - card.pin_failures % PIN_TRIES)
    if card.pin_failures % PIN_TRIES == 0:  # each pause twice as long as the one before
        pauses = min(card.pin_failures // PIN_TRIES, 10)
        card.pin_locked_until = now + min(PIN_PAUSE * 2 ** (pauses - 1), PIN_LONGEST_PAUSE)
        refusal = PinLocked(field="pin", until=card.pin_locked_until)
    card.save(update_fields=["pin_failures", "pin_locked_until"])
    if not isinstance(refusal, WrongPin):
        record_audit(
            actor=None,
            action="pin_refused",
            subject=f"card:{card.number}",
            region=card.resident.village,
            facts={"code": refusal.code, "failures": card.pin_failures},
            now=now,
        )
    return refusal


@transaction.atomic
def block_card(*, card: Card, actor: User, reason: str = "", now: dt.datetime | None = None) -> Card:
    """Block a lost card at once: by its holder, a helper of theirs, or the village. Again does nothing."""
    card = Card.objects.select_for_update(of=("self",)).select_related("resident__village").get(pk=card.pk)
    if not (can_act_for(actor, card.resident) or can(actor, ISSUE_CARD, card.resident.village)):
        raise NotAllowed
    if card.status == Card.Status.BLOCKED:
        return card
    now = now or timezone.now()
    card.status = Card.Status.BLOCKED
    card.blocked_at = now
    card.blocked_by = actor
    card.blocked_reason = reason[:120]
    card.save(update_fields=["status", "blocked_at", "blocked_by", "blocked_reason"])
    record_audit(
        actor=actor,
        action="block_card",
        subject=f"card:{card.number}",
        region=card.resident.village,
        reason=reason,
        on_behalf_of=None if _is_own(actor, card.resident) else card.resident,
        now=now,
    )
    return card


@transaction.atomic
def replace_card(*, card: Card, actor: User, pin: str = "", reason: str = "", now: dt.datetime | None = None) -> Card:
    """Block a card and issue another to the same resident; the PIN is asked anew."""
    require(actor, ISSUE_CARD, card.resident.village)
    block_card(card=card, actor=actor, reason=reason, now=now)
    return issue_card(resident=card.resident, actor=actor, pin=pin, now=now)
