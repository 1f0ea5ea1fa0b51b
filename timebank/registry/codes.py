"""Numbers printed on cards: an alphabet without look-alikes and a check character that catches typing slips."""

from __future__ import annotations

import secrets

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ3789"  # no I, O, 0, 1, 2: read aloud and typed by hand
CARD_LENGTH = 10
VOLUNTEER_LENGTH = 10


def _check(text: str, alphabet: str) -> str:
    """Return the Luhn mod N check character of ``text``."""
    n = len(alphabet)
    total = 0
    for place, character in enumerate(reversed(text)):
        value = alphabet.index(character) * (2 if place % 2 == 0 else 1)
        total += value // n + value % n
    return alphabet[-total % n]


def new_card_number() -> str:
    """Draw a card number: nine random characters and a check character."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(CARD_LENGTH - 1))
    return body + _check(body, ALPHABET)


def new_volunteer_number() -> str:
    """Draw a volunteer number: ten digits, the last a check digit, never starting with 0 or 1 (no mobile number)."""
    body = secrets.choice("23456789") + "".join(secrets.choice("0123456789") for _ in range(VOLUNTEER_LENGTH - 2))
    return body + _check(body, "0123456789")


def is_card_number(text: str) -> bool:
    """Say whether ``text`` has the form and the check character of a card number."""
    if len(text) != CARD_LENGTH or any(c not in ALPHABET for c in text):
        return False
    return _check(text[:-1], ALPHABET) == text[-1]
