"""What messages add to the home page: the unseen ones stay there until they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from timebank.messages import selectors


def on_home(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Show the newest unseen messages of the visitor; ``ids`` is the visitor's own."""
    unseen = selectors.unseen(request)
    if not unseen or len(ids) != 1 or ids[0] != request.user.pk:
        return {}
    rows = [selectors.show(message) for message in unseen[: selectors.ON_HOME]]
    return {ids[0]: {"template": "messages/_on_home.html", "rows": rows, "more": len(unseen) > selectors.ON_HOME}}
