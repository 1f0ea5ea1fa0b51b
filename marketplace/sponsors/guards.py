"""What the database keeps by itself: a receipt stays as it was written."""

from __future__ import annotations

from timebank.common.guards import Declaration, Guarded

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded(
        "sponsors_receipt",
        frozen=(
            "fund_id", "year", "sequence", "pledge_id", "source", "counter_to_id", "nature", "giver", "giver_code",
            "text", "fen", "fee_fen", "is_practice", "issued_by_id", "issued_at",
        ),
        because="a receipt is voided by a counter-receipt, never changed",
    ),
)  # fmt: skip
