"""What the database keeps by itself: what came and went stays written down, and what was decided stays decided."""

from __future__ import annotations

from timebank.common.guards import Declaration, Guarded

_DECIDED = ("state", {"approved": (), "declined": (), "withdrawn": ()})

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded("rewards_stockmovement", because="a movement is answered by another one, never changed"),
    Guarded("rewards_ticketevent"),
    Guarded(
        "rewards_pricechange",
        frozen=("stockrecord_id", "points", "since", "reason", "decided_by_id", "created_at"),
        because="a price is followed by another one, never rewritten",
    ),
    Guarded(
        "rewards_ticketreturn",
        frozen=("ticket_id", "quantity", "reason", "restock", "prepared_by_id", "prepared_at"),
        moves=_DECIDED,
    ),
    Guarded(
        "rewards_writeoff",
        frozen=("stockrecord_id", "kind", "missing", "reason", "transfer_id", "prepared_by_id", "prepared_at"),
        moves=_DECIDED,
    ),
    Guarded(
        "rewards_openingcount",
        frozen=("partner_id", "counted_on", "paper", "prepared_by_id", "prepared_at"),
        moves=_DECIDED,
    ),
    Guarded("rewards_openingcountline", frozen=("count_id", "stockrecord_id", "units")),
    Guarded(
        "rewards_stocktransfer",
        frozen=("stockrecord_id", "target_id", "quantity", "note", "sent_by_id", "sent_at", "movement_id"),
        moves=("state", {"received": (), "cancelled": ()}),
    ),
)
