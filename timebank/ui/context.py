"""What every page knows about its visitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from timebank.common import contract
from timebank.ui.menus import Menus
from timebank.ui.preferences import SIZE_LABELS, SIZES, next_size, size_of


def _lazy(ask: Callable[[HttpRequest], Any], request: HttpRequest) -> Any:
    """Ask only when a template does."""
    return SimpleLazyObject(lambda: ask(request))


def ui(request: HttpRequest) -> dict[str, Any]:
    """Give the base pages their menus, what the apps declare for every page, and the text size."""
    size = size_of(request)
    return {
        "menus": Menus(request),
        **{name: _lazy(ask, request) for name, ask in contract.by_name("page_context").items()},
        "text_size": size,
        "text_size_next": next_size(size),
        "text_sizes": [{"value": value, "label": SIZE_LABELS[value], "active": value == size} for value in SIZES],
        "text_size_next_label": SIZE_LABELS[next_size(size)],
    }
