"""What residents, clerks and villages read about tickets, stock and points."""

from __future__ import annotations

from marketplace.rewards.selectors.public import activities_anywhere, public_figures
from marketplace.rewards.selectors.statement import StatementLine, StatementPage, statement_of
from marketplace.rewards.selectors.stock import movements_of, stock_of
from marketplace.rewards.selectors.tickets import (
    counters_of,
    may_see,
    redemption_exists,
    redemption_for,
    ticket_for,
    ticket_timeline,
    tickets_of,
    tickets_today,
    waiting_for,
)

__all__ = [
    "StatementLine",
    "StatementPage",
    "activities_anywhere",
    "counters_of",
    "may_see",
    "movements_of",
    "public_figures",
    "redemption_exists",
    "redemption_for",
    "statement_of",
    "stock_of",
    "ticket_for",
    "ticket_timeline",
    "tickets_of",
    "tickets_today",
    "waiting_for",
]
