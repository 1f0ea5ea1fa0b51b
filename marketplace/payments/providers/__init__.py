"""Ways by which money reaches a fund; ``of(name)`` gives the one that a payment names."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from marketplace.payments.errors import ProviderOff
from marketplace.payments.providers.base import Provider
from marketplace.payments.providers.stripe import StripeProvider

PRACTICE_KEY = "sk_test_practice"


def online() -> str:
    """Return the name of the provider for payments on the internet: "stripe", "practice", or "" for none."""
    if settings.STRIPE_SECRET_KEY:
        return "stripe"
    return "practice" if settings.PRACTICE_PAYMENTS else ""


def of(name: str) -> Provider:
    """Return a provider that is set up. Raises ``ProviderOff``."""
    if name == "stripe" and settings.STRIPE_SECRET_KEY:
        return StripeProvider("stripe", settings.STRIPE_SECRET_KEY, "")
    if name == "practice" and settings.PRACTICE_PAYMENTS:
        return StripeProvider("practice", PRACTICE_KEY, settings.PRACTICE_PAYMENTS)
    raise ProviderOff


def asset_of(name: str) -> str:
    """Return the ledger account that mirrors what lies at an online provider."""
    return {"stripe": "asset:stripe", "practice": "asset:practice"}[name]


def practice_process(site: str) -> list[str] | None:
    """Return the command of the practice double that ``serve`` keeps running in the demo, or None outside it."""
    if not settings.PRACTICE_PAYMENTS:
        return None
    os.environ["PRACTICE_WEBHOOK_SECRET"] = (
        settings.PRACTICE_WEBHOOK_SECRET
    )  # not on the command line, where all see it
    port = settings.PRACTICE_PAYMENTS.rpartition(":")[2]
    file = Path(settings.VAR) / "practice.json"
    hook = f"http://127.0.0.1:{site.rpartition(':')[2]}/stripe/webhook"
    return ["marketplace.payments.practice", "--port", port, "--hook", hook, "--file", str(file)]
