"""What the market adds to pages of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from timebank.ledger import selectors as ledger_read


def my_points(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Show under 我的 how many points a resident can use: residents' ids → the panel's context."""
    balances = ledger_read.balances_of([f"wallet:resident:{pk}" for pk in ids])
    return {
        pk: {"template": "rewards/_my_points.html", "balance": balance}
        for pk in ids
        if (balance := balances.get(f"wallet:resident:{pk}")) is not None
    }
