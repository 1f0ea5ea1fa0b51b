"""What the market adds to pages of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from marketplace.partner.strategy import Points
from marketplace.rewards.models import RestockWish
from marketplace.rewards.selectors.stock import gone
from timebank.ledger import selectors as ledger_read


def my_points(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Show under 我的 how many points a resident can use: residents' ids → the panel's context."""
    balances = ledger_read.balances_of([f"wallet:resident:{pk}" for pk in ids])
    return {
        pk: {"template": "rewards/_my_points.html", "balance": balance}
        for pk in ids
        if (balance := balances.get(f"wallet:resident:{pk}")) is not None
    }


def restock_wish(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Offer on the page of one reward that is all gone to tell the reader when there is some again."""
    strategy = getattr(request, "strategy", None)
    resident = strategy.resident if isinstance(strategy, Points) else None
    if resident is None or len(ids) != 1:
        return {}
    record = gone(strategy, ids[0])
    if record is None:
        return {}
    wished = RestockWish.objects.filter(stockrecord=record, resident=resident, told_at=None).exists()
    return {ids[0]: {"template": "rewards/_restock_wish.html", "product_pk": ids[0], "wished": wished}}
