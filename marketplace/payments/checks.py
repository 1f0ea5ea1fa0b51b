"""Look at the settings of payments: what must never be, and with ``check --deploy`` what is missing or weak."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SHORTEST_SECRET = 24


def check_settings(**_words: Any) -> list[CheckMessage]:
    """Refuse practice payments outside the demo, beside real ones, or anywhere but on this machine."""
    result: list[CheckMessage] = []
    practice = settings.PRACTICE_PAYMENTS
    if practice and not settings.DEMO:
        result.append(
            Error(
                "PRACTICE_PAYMENTS is set outside the demo.",
                hint="Practice payments move no money. Only DEMO=1 may have them.",
                id="payments.E001",
            )
        )
    if practice and settings.STRIPE_SECRET_KEY:
        result.append(
            Error("PRACTICE_PAYMENTS and STRIPE_SECRET_KEY are both set.", hint="Take one away.", id="payments.E002")
        )
    if practice and (urlsplit(practice).scheme != "http" or urlsplit(practice).hostname not in LOOPBACK):
        result.append(
            Error(
                f"PRACTICE_PAYMENTS must be an address on this machine, not {practice!r}.",
                hint="http://127.0.0.1:PORT",
                id="payments.E003",
            )
        )
    return result


def check_deployment(**_words: Any) -> list[CheckMessage]:
    """Name each missing or weak setting of a real deployment."""
    result: list[CheckMessage] = []

    def warn(number: int, text: str, hint: str) -> None:
        result.append(checks.Warning(text, hint=hint, id=f"payments.W{number:03}"))

    key = settings.STRIPE_SECRET_KEY
    if not key:
        if not (settings.DEBUG or settings.DEMO):  # a choice, not a fault: --deploy names it
            text = "STRIPE_SECRET_KEY is not set: donors can pay by bank transfer only."
            result.append(checks.Info(text, hint="See docs/payments.md.", id="payments.I001"))
    elif not re.fullmatch(r"(sk|rk)_(live|test)_\w{16,}", key):
        warn(2, "STRIPE_SECRET_KEY does not look like a secret key of Stripe.", "It begins with sk_live_ or rk_live_.")
    elif "_test_" in key and not settings.DEMO:
        warn(3, "STRIPE_SECRET_KEY is a test key: no money will move.", "Take the key that begins with rk_live_.")
    if key and not settings.STRIPE_WEBHOOK_SECRETS:
        warn(4, "STRIPE_WEBHOOK_SECRETS is not set: Stripe's messages are refused.", "See docs/payments.md.")
    for number, secret in enumerate(settings.STRIPE_WEBHOOK_SECRETS, 1):
        if not secret.startswith("whsec_") or len(secret) < SHORTEST_SECRET:
            warn(5, f"Secret {number} in STRIPE_WEBHOOK_SECRETS is weak.", "Stripe's begin with whsec_ and are long.")
    if settings.STRIPE_WEBHOOK_SECRETS and not key:
        warn(7, "STRIPE_WEBHOOK_SECRETS is set, STRIPE_SECRET_KEY is not: Stripe can't be asked.", "Set the key too.")
    if key and not settings.SITE_URL.startswith("https://"):
        warn(6, "SITE_URL must begin with https:// for Stripe to lead donors back.", "Set SITE_URL.")
    return result
