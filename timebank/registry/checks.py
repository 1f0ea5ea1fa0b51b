"""What this app says about its settings."""

from __future__ import annotations

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage


def check_second_factor() -> list[CheckMessage]:
    """Warn where staff sign in with a password alone, though this is no demo."""
    if settings.SECOND_FACTOR or settings.DEMO:
        return []
    return [
        checks.Warning(
            "SECOND_FACTOR is off: who appoints, publishes, pays or reads personal data signs in by password alone.",
            hint="Take SECOND_FACTOR out of the environment.",
            id="registry.W001",
        )
    ]
