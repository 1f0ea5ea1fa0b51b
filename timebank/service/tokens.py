"""The signed code behind the QR on the leader's screen, and the pass that it becomes in a visitor's session.

A code is worth ``settings.QR_SECONDS``; who opened it in time has some minutes to sign in and press the button.
Upper case letters and digits only, so that the QR stays coarse enough for an old camera.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from typing import NamedTuple

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from timebank.service.errors import TokenExpired, TokenInvalid

CODE, PASS = "A", "B"
PASS_SECONDS = 10 * 60  # enough for a slow sign-in, too little to go home with
_SHAPE = re.compile(r"([AB])-([0-9A-Z]{1,12})-([0-9A-Z]{1,8})-([0-9A-Z]{1,12})-([A-Z2-7]{16})")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Opened(NamedTuple):
    """What a fresh code says: for which activity, and which user (id) showed it."""

    activity: int
    shown_by: int | None


def make(kind: str, activity_pk: int, now: dt.datetime, *, shown_by: int | None = None) -> str:
    """Return a code for an activity that begins to age now, shown by this user."""
    body = f"{kind}-{_base36(activity_pk)}-{_base36(int(now.timestamp()))}-{_base36(shown_by or 0)}"
    return f"{body}-{_signature(body)}"


def read(token: str, now: dt.datetime) -> int:
    """Return the activity that a fresh code names; raises TokenInvalid or TokenExpired."""
    return opened(token, now).activity


def opened(token: str, now: dt.datetime) -> Opened:
    """Return what a fresh code says; raises TokenInvalid or TokenExpired."""
    match = _SHAPE.fullmatch(token.strip().upper())
    if match is None:
        raise TokenInvalid
    kind, activity, instant, shown_by, signature = match.groups()
    if not constant_time_compare(signature, _signature(f"{kind}-{activity}-{instant}-{shown_by}")):
        raise TokenInvalid
    age = int(now.timestamp()) - int(instant, 36)
    if not 0 <= age <= (settings.QR_SECONDS if kind == CODE else PASS_SECONDS):
        raise TokenExpired(activity=int(activity, 36))
    return Opened(int(activity, 36), int(shown_by, 36) or None)


def _signature(body: str) -> str:
    digest = salted_hmac("timebank.service.attendance", body, algorithm="sha256").digest()[:10]
    return base64.b32encode(digest).decode()


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
