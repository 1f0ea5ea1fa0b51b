"""The doors of the ledger that write. Nothing else writes its tables."""

from __future__ import annotations

from timebank.ledger.services.accounts import (
    NewAccount,
    close_account,
    open_account,
    open_accounts,
    set_expiry_account,
    set_expiry_accounts,
)
from timebank.ledger.services.corrections import refund, reverse
from timebank.ledger.services.expiry import expire_due
from timebank.ledger.services.holds import capture, hold, lapse_due_holds, release
from timebank.ledger.services.posting import post, post_many
from timebank.ledger.services.sealing import anchor, seal, seal_all
from timebank.ledger.services.taking import assume_debt, lapsed_of, restore_lapsed, take_back

__all__ = [
    "NewAccount",
    "anchor",
    "assume_debt",
    "capture",
    "close_account",
    "expire_due",
    "hold",
    "lapse_due_holds",
    "lapsed_of",
    "open_account",
    "open_accounts",
    "post",
    "post_many",
    "refund",
    "release",
    "restore_lapsed",
    "reverse",
    "seal",
    "seal_all",
    "set_expiry_account",
    "set_expiry_accounts",
    "take_back",
]
