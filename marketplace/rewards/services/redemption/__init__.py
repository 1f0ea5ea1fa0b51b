"""Redeem: one transaction from the basket to the tickets, the same for web page, card sale, API and tests."""

from __future__ import annotations

from marketplace.rewards.services.redemption.checking import (
    LARGEST_QUANTITY,
    Priced,
    check_limits,
    period_start,
    price_lines,
    sold_out,
)
from marketplace.rewards.services.redemption.paying import not_enough, pay_key
from marketplace.rewards.services.redemption.redeeming import redeem

__all__ = [
    "LARGEST_QUANTITY",
    "Priced",
    "check_limits",
    "not_enough",
    "pay_key",
    "period_start",
    "price_lines",
    "redeem",
    "sold_out",
]
