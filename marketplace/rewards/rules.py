"""What needs a role here (``duties`` says whose)."""

from __future__ import annotations

PRICE_REWARD = "price_reward"
LIST_REWARD = "list_reward"  # put a reward on a supplier's shelf, without a price
RECEIVE_STOCK = "receive_stock"
ADJUST_STOCK = "adjust_stock"  # count; fewer pieces are asked for
CONFIRM_COUNT = "confirm_count"  # the second person of an opening count, or of fewer pieces
HAND_OVER = "hand_over"
RETURN_TICKET = "return_ticket"  # ask to take back what was handed over
APPROVE_RETURN = "approve_return"  # the second person
CARD_SALE = "card_sale"
KEEP_SUPPLIERS = "keep_suppliers"  # open them, say where and when they serve
