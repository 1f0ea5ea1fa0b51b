"""Look at the settings of the ways out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check_settings(**_words: Any) -> list[CheckMessage]:
    """Refuse a gateway that would carry messages in the open; say what only goes to the console."""
    result: list[CheckMessage] = []
    if settings.SMS_URL:
        url = urlsplit(settings.SMS_URL)
        if url.scheme not in {"http", "https"} or not url.hostname:
            result.append(Error("SMS_URL is no address.", hint="https://host/path", id="inbox.E001"))
        elif url.scheme == "http" and url.hostname not in LOOPBACK:
            text = "SMS_URL would carry messages in the open."
            result.append(Error(text, hint="Take https://.", id="inbox.E002"))
        if not settings.SMS_TOKEN:
            result.append(checks.Warning("SMS_TOKEN is not set.", hint="See docs/channels.md.", id="inbox.W001"))
    if not (settings.DEBUG or settings.DEMO) and (not settings.SMS_URL or not settings.EMAIL_HOST):
        text = "Messages by e-mail or SMS go to the console only: EMAIL_URL or SMS_URL is not set."
        result.append(Info(text, hint="See docs/channels.md.", id="inbox.I001"))
    return result
