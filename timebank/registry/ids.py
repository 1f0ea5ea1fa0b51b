"""Resident ID numbers (GB 11643-1999): checked, encrypted at rest, masked on screen, never logged.

The six-digit place code is not checked: it names the county of first registration, and counties have been renamed and
merged for forty years.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from timebank.common.input import id_number
from timebank.registry.errors import InvalidIdNumber

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
OLDEST = dt.date(1880, 1, 1)


def validate(text: str, *, today: dt.date | None = None) -> str:
    """Return the number in its written form, or raise ``InvalidIdNumber``; checks form, birth date and check digit."""
    number = id_number(text)
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()) or number[17] not in _CHECKS:
        raise InvalidIdNumber(field="id_number")
    if number[0] == "0" or number[14:17] == "000":
        raise InvalidIdNumber(field="id_number")
    try:
        born = dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise InvalidIdNumber(field="id_number") from None
    if not OLDEST <= born <= (today or timezone.localdate()):
        raise InvalidIdNumber(field="id_number")
    if not has_check_digit(number):
        raise InvalidIdNumber(field="id_number")
    return number


def has_check_digit(number: str) -> bool:
    """Say whether the last of 18 characters is the check digit of the others."""
    return _CHECKS[sum(int(c) * w for c, w in zip(number, _WEIGHTS, strict=False)) % 11] == number[17]


def birth_date(number: str) -> dt.date:
    """Read the birth date out of a valid number."""
    return dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def mask(number: str) -> str:
    """Show only what tells two numbers apart at the counter: "371***********1234"."""
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}" if len(number) > 7 else "*" * len(number)


@lru_cache(maxsize=8)
def _vault(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("ID_NUMBER_KEYS is empty: without a key no ID number can be kept.")
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(number: str) -> str:
    """Encrypt with the newest key of ``settings.ID_NUMBER_KEYS``."""
    return _vault(tuple(settings.ID_NUMBER_KEYS)).encrypt(number.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt with whichever key wrote it; empty for empty."""
    if not token:
        return ""
    try:
        return _vault(tuple(settings.ID_NUMBER_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise ImproperlyConfigured("An ID number was encrypted with a key that is not in ID_NUMBER_KEYS.") from None


def rotate(token: str) -> str:
    """Encrypt anew with the newest key."""
    return _vault(tuple(settings.ID_NUMBER_KEYS)).rotate(token.encode()).decode() if token else ""


def digest(number: str) -> str:
    """Return the keyed digest that finds the same person twice.

    Keyed by the oldest key, so that adding a new key in front changes no digest; ``rotate_id_numbers`` writes all
    digests anew before an old key is taken away.
    """
    if not settings.ID_NUMBER_KEYS:
        raise ImproperlyConfigured("ID_NUMBER_KEYS is empty: without a key no ID number can be kept.")
    return digest_with(settings.ID_NUMBER_KEYS[-1], number)


def digest_with(key: str, number: str) -> str:
    """Return the digest of ``number`` under one key."""
    secret = hashlib.sha256(b"shanji id number" + base64.urlsafe_b64decode(key)).digest()
    return hmac.new(secret, number.encode(), hashlib.sha256).hexdigest()
