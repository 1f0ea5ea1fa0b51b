"""What was kept for a resident until the fund covers it again."""

from __future__ import annotations

from typing import NamedTuple

from marketplace.funds.models import QueuedRedemption
from marketplace.partner.models import StockRecord
from timebank.registry.models import Resident

State = QueuedRedemption.State


class KeptRow(NamedTuple):
    """A kept redemption with the titles of what it holds."""

    kept: QueuedRedemption
    titles: list[str]

    @property
    def is_ready(self) -> bool:
        """Say whether cover is back for it."""
        return self.kept.state == State.READY


def kept_of(resident: Resident) -> list[KeptRow]:
    """List what is kept for a resident and still can be redeemed, oldest first: two statements."""
    rows = list(QueuedRedemption.objects.filter(resident=resident, state__in=[State.WAITING, State.READY]))
    ids = {line[0] for row in rows for line in row.lines}
    records = StockRecord.objects.select_related("product").in_bulk(ids) if ids else {}
    return [
        KeptRow(row, [f"{records[record].product.get_title()} × {count}" for record, count, _points in row.lines])
        for row in rows
    ]
