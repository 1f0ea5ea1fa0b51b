"""What every page knows about its visitor."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from timebank.ui import hooks
from timebank.ui.menus import Menus
from timebank.ui.preferences import SIZE_LABELS, SIZES, next_size, size_of


def ui(request: HttpRequest) -> dict[str, Any]:
    """Give the base pages their menus, the village, the person acted for and the text size."""
    size = size_of(request)
    return {
        "menus": Menus(request),
        "village": SimpleLazyObject(lambda: hooks.ask("village", request)),
        "acting_for": SimpleLazyObject(lambda: hooks.ask("acting_for", request)),
        "text_size": size,
        "text_size_next": next_size(size),
        "text_sizes": [{"value": value, "label": SIZE_LABELS[value], "active": value == size} for value in SIZES],
        "text_size_next_label": SIZE_LABELS[next_size(size)],
    }
