"""This app's part of a person's own data: points, redemptions, tickets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from marketplace.rewards.models import Redemption, RestockWish, Ticket
from marketplace.rewards.selectors.statement import statement_of
from timebank.common.numbers import points_to_decimal
from timebank.registry.models import Resident


def section(resident: Resident) -> dict[str, Iterable[dict[str, Any]]]:
    """Return what the market keeps about a person; amounts in points."""
    return {
        "points": _points(resident),
        "redemptions": (
            {**row, "total_points": points_to_decimal(row["total_points"])}
            for row in Redemption.objects.filter(resident=resident)
            .values("created_at", "channel", "state", "total_points", "brought_by", "actor__name")
            .order_by("created_at", "pk")
        ),
        "wishes": RestockWish.objects.filter(resident=resident)
        .values("stockrecord__product__title", "created_at", "told_at")
        .order_by("created_at", "pk"),
        "tickets": (
            {**row, "points": points_to_decimal(row["points"])}
            for row in Ticket.objects.filter(resident=resident)
            .values(
                "code",
                "product__title",
                "quantity",
                "points",
                "partner__name",
                "state",
                "issued_at",
                "valid_until",
                "handed_over_at",
            )
            .order_by("issued_at", "pk")
        ),
    }


def _points(resident: Resident) -> Iterator[dict[str, Any]]:
    """Walk the whole statement, newest first."""
    before: int | None = None
    while True:
        page = statement_of(resident, before=before, limit=500)
        for line in page.lines:
            yield {
                "on": line.on,
                "what": line.title,
                "why": " ".join(line.explanation),
                "points": points_to_decimal(line.amount),
                "balance": None if line.balance is None else points_to_decimal(line.balance),
            }
        if not page.next:
            return
        before = page.next
