"""Who gives, what is asked for and promised, what came, and the papers about it."""

from __future__ import annotations

from marketplace.sponsors.models.gifts import Delivery, Pledge
from marketplace.sponsors.models.needs import Claim, Need
from marketplace.sponsors.models.papers import Agreement, Receipt, ReceiptSeries
from marketplace.sponsors.models.parties import Enterprise, Invitation, PersonIdentity

__all__ = [
    "Agreement",
    "Claim",
    "Delivery",
    "Enterprise",
    "Invitation",
    "Need",
    "PersonIdentity",
    "Pledge",
    "Receipt",
    "ReceiptSeries",
]
