"""What was redeemed, what waits to be collected, what was brought back, and how the stock moved."""

from __future__ import annotations

from marketplace.rewards.models.prices import PriceChange
from marketplace.rewards.models.redemptions import Redemption
from marketplace.rewards.models.returns import TicketReturn
from marketplace.rewards.models.stock import RestockWish, StockMovement
from marketplace.rewards.models.tickets import Scan, Ticket, TicketEvent

__all__ = [
    "PriceChange",
    "Redemption",
    "RestockWish",
    "Scan",
    "StockMovement",
    "Ticket",
    "TicketEvent",
    "TicketReturn",
]
