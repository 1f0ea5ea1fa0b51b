"""Account numbers as banks print them."""

from __future__ import annotations

import re

from marketplace.funds.errors import BadAccountNumber

_FULLWIDTH = str.maketrans("０１２３４５６７８９", "0123456789")


def check_account_number(text: str) -> str:
    """Return the digits of an account number; cards (62…, 16–19 digits) must pass Luhn's check.

    Accounts of firms have no check digit of one form for all banks: 8 to 30 digits. Raises ``BadAccountNumber``.
    """
    digits = re.sub(r"[\s\-]", "", text.translate(_FULLWIDTH))
    if not re.fullmatch(r"[0-9]{8,30}", digits):
        raise BadAccountNumber(field="number")
    if digits.startswith("62") and 16 <= len(digits) <= 19 and not _luhn(digits):
        raise BadAccountNumber(field="number")
    return digits


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0
