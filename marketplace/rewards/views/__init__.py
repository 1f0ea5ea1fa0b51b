"""Pages of residents: home, tickets, what was redeemed, statement."""

from __future__ import annotations

from marketplace.rewards.views.confirm import confirm
from marketplace.rewards.views.home import home
from marketplace.rewards.views.statement import receipt, statement
from marketplace.rewards.views.tickets import cancel, cancel_all, redemption, ticket, ticket_by_qr, tickets

__all__ = [
    "cancel",
    "cancel_all",
    "confirm",
    "home",
    "receipt",
    "redemption",
    "statement",
    "ticket",
    "ticket_by_qr",
    "tickets",
]
