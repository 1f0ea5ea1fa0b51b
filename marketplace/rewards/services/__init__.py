"""Everything that redeems, cancels, hands over or moves stock. One function each, for pages, counter, API and tests."""

from __future__ import annotations

from marketplace.partner.services import open_partner_accounts
from marketplace.rewards.services.adjusting import adjust_stock, decide_write_off, withdraw_write_off
from marketplace.rewards.services.cancel import cancel_redemption, cancel_ticket
from marketplace.rewards.services.handing_over import expire_tickets, hand_over, undo_hand_over
from marketplace.rewards.services.redemption.redeeming import redeem
from marketplace.rewards.services.returning import ask_return, decide_return, withdraw_return
from marketplace.rewards.services.sale import card_sale, undo_sale
from marketplace.rewards.services.stock import receive_stock

__all__ = [
    "adjust_stock",
    "ask_return",
    "cancel_redemption",
    "cancel_ticket",
    "card_sale",
    "decide_return",
    "decide_write_off",
    "expire_tickets",
    "hand_over",
    "open_partner_accounts",
    "receive_stock",
    "redeem",
    "undo_hand_over",
    "undo_sale",
    "withdraw_return",
    "withdraw_write_off",
]
