"""Order numbers: random, so that none can be guessed from another, with a check digit for a voice on the phone."""

from __future__ import annotations

import secrets

LENGTH = 12


def check_digit(digits: str) -> str:
    """Return the check digit of ISO/IEC 7064 MOD 11,10: finds any one wrong digit and swapped neighbours."""
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def new_number() -> str:
    """Return twelve random digits; the last checks the others."""
    digits = str(10 ** (LENGTH - 2) + secrets.randbelow(9 * 10 ** (LENGTH - 2)))
    return digits + check_digit(digits)


def is_number(text: str) -> bool:
    """Return whether ``text`` could be an order number."""
    return len(text) == LENGTH and text.isascii() and text.isdigit() and check_digit(text[:-1]) == text[-1]
