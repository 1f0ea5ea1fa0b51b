"""The doors of the ledger that read."""

from __future__ import annotations

from timebank.ledger.selectors.balances import (
    balance_of,
    balances_of,
    expiring,
    holds_or_owes,
    lapsing,
    lots_of,
    totals_of,
)
from timebank.ledger.selectors.statements import statement
from timebank.ledger.selectors.transfers import transfer_by_id, transfer_by_key, transfer_by_uuid, transfers_for_source

__all__ = [
    "balance_of",
    "balances_of",
    "expiring",
    "holds_or_owes",
    "lapsing",
    "lots_of",
    "statement",
    "totals_of",
    "transfer_by_id",
    "transfer_by_key",
    "transfer_by_uuid",
    "transfers_for_source",
]
