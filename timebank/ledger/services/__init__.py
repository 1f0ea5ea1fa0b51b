"""The doors of the ledger that write. Nothing else writes its tables."""

from __future__ import annotations

from timebank.ledger.services.accounts import close_account, open_account, open_accounts, set_expiry_account
from timebank.ledger.services.corrections import refund, reverse
from timebank.ledger.services.posting import post, post_many

__all__ = [
    "close_account",
    "open_account",
    "open_accounts",
    "post",
    "post_many",
    "refund",
    "reverse",
    "set_expiry_account",
]
