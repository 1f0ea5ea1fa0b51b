"""The ways out: one small interface, with an adapter each. None of them knows who it writes to or why.

An adapter returns when the other side has taken the text. It raises ``NotSent`` when the other side has certainly not
taken it; anything else that it raises means that nobody knows. ``key`` names the sending: a service that keeps keys
takes the same one once.
"""

from __future__ import annotations

import json
import logging
import smtplib
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from timebank.messages.models import Channel

logger = logging.getLogger(__name__)
TIMEOUT = 20  # seconds
LONGEST_SMS = 300  # characters


class NotSent(Exception):
    """The other side has not taken it: it may be tried again."""


class Adapter(Protocol):
    """A way out."""

    def send(self, *, to: str, subject: str, text: str, key: str) -> None:
        """Hand a text over."""


class Email:
    """E-mail by Django's backend: the console, or the server of ``EMAIL_URL``."""

    def send(self, *, to: str, subject: str, text: str, key: str) -> None:
        """Send one e-mail; refused before it was taken is ``NotSent``."""
        message_id = f"<{key}@{settings.EMAIL_DOMAIN}>"
        mail = EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [to], headers={"Message-ID": message_id})
        try:
            mail.send()
        except (
            ConnectionRefusedError,
            smtplib.SMTPConnectError,
            smtplib.SMTPHeloError,
            smtplib.SMTPAuthenticationError,
            smtplib.SMTPSenderRefused,
            smtplib.SMTPRecipientsRefused,
            smtplib.SMTPDataError,
        ) as error:
            raise NotSent(str(error)) from error


class ConsoleSms:
    """Write to the console what would be sent: the default."""

    def send(self, *, to: str, subject: str, text: str, key: str) -> None:  # noqa: ARG002
        """Print the text; the number is cut short, as in every log."""
        print(f"SMS to …{to[-4:]}: {text}", flush=True)  # noqa: T201 - the console is the way out


class HttpSms:
    """SMS by a gateway that takes ``POST {to, text, key}`` (docs/channels.md)."""

    def send(self, *, to: str, subject: str, text: str, key: str) -> None:  # noqa: ARG002
        """Hand it to the gateway: 2xx is taken, 4xx and no connection is not, all else nobody knows."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked with the settings
            settings.SMS_URL,
            data=json.dumps({"to": to, "text": text[:LONGEST_SMS], "key": key}).encode(),
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Authorization": f"Bearer {settings.SMS_TOKEN}",
                "Idempotency-Key": key,
            },
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            error.close()
            if 400 <= error.code < 500:
                raise NotSent(f"HTTP {error.code}") from error
            raise
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise NotSent("no connection") from error
            raise


def adapter(channel: str) -> Adapter:
    """Return the way out that the settings name."""
    if channel == Channel.EMAIL:
        return Email()
    return HttpSms() if settings.SMS_URL else ConsoleSms()


def text_sender() -> Callable[..., None] | None:
    """Return what sends a text to any number, where a gateway is set: the console proves nothing to anybody."""
    if not settings.SMS_URL:
        return None

    def send(*, to: str, text: str, key: str) -> None:
        adapter(Channel.SMS).send(to=to, subject="", text=text, key=key)

    return send
