"""What was redeemed, what waits to be collected, what was brought back, and how the stock moved."""

from __future__ import annotations

from marketplace.rewards.models.goods_imports import GoodsImport
from marketplace.rewards.models.opening import OpeningCount, OpeningCountLine
from marketplace.rewards.models.prices import PriceChange
from marketplace.rewards.models.redemptions import Redemption
from marketplace.rewards.models.returns import TicketReturn
from marketplace.rewards.models.stock import RestockWish, StockMovement
from marketplace.rewards.models.tickets import Scan, Ticket, TicketEvent
from marketplace.rewards.models.transfers import StockTransfer
from marketplace.rewards.models.write_offs import WriteOff

__all__ = [
    "GoodsImport",
    "OpeningCount",
    "OpeningCountLine",
    "PriceChange",
    "Redemption",
    "RestockWish",
    "Scan",
    "StockMovement",
    "StockTransfer",
    "Ticket",
    "TicketEvent",
    "TicketReturn",
    "WriteOff",
]
