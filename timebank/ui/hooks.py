"""Facts that a page shows but that other apps know: which village, for whom one acts.

``ui`` stands below those apps, so they hand it a callable in ``AppConfig.ready`` instead of being imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

NAMES = ("village", "acting_for")
_providers: dict[str, Callable[[HttpRequest], Any]] = {}


def provide(name: str, provider: Callable[[HttpRequest], Any]) -> None:
    """Register who answers for a fact; the last one wins."""
    if name not in NAMES:
        raise ValueError(f"unknown fact {name!r}, one of {NAMES}")
    _providers[name] = provider


def ask(name: str, request: HttpRequest) -> Any:
    """Return the fact for this request, from its provider or from an attribute of the request, else ``None``."""
    provider = _providers.get(name)
    if provider is not None:
        return provider(request)
    return getattr(request, name, None)
