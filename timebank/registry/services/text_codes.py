"""Codes by text message: drawn, kept as a digest, sent once, compared. What a code is for is its caller's."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable

from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac

from timebank.common import contract
from timebank.registry.errors import TextNotSent

logger = logging.getLogger(__name__)

HOLDS = dt.timedelta(minutes=15)
FORGOTTEN = dt.timedelta(days=1)  # what was only asked for


def text_sender() -> Callable[..., None] | None:
    """Return what sends a text message, where the installation has a way."""
    ways = (declaration.value() for declaration in contract.declared("texts_by"))
    return next((way for way in ways if way is not None), None)


def draw_code() -> str:
    """Return six digits."""
    return get_random_string(6, "0123456789")


def digest(purpose: str, subject: str, code: str) -> str:
    """Return what is kept of a code: it opens nothing but this purpose for this subject."""
    return salted_hmac(f"registry.{purpose}", f"{subject}:{code}", algorithm="sha256").hexdigest()


def is_right(*, kept: str, typed: str, asked_at: dt.datetime, now: dt.datetime) -> bool:
    """Say whether a digest is the one that was kept, a quarter of an hour ago at most."""
    return constant_time_compare(kept, typed) and asked_at + HOLDS >= now


def number_key(phone: str) -> str:
    """Return under which key a mobile number is counted: of one length, and not the number."""
    return f"number:{hashlib.sha256(phone.encode()).hexdigest()[:40]}"


def send_text(*, to: str, text: str, key: str) -> None:
    """Hand one text to the gateway; raises ``TextNotSent`` whatever went wrong: nobody knows whether it was taken."""
    send = text_sender()
    try:
        if send is None:
            raise RuntimeError
        send(to=to, text=text, key=key)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person asks again
        logger.warning("text %s: not sent: %s", key, type(error).__name__)  # servers repeat the number
        raise TextNotSent from None
