"""Redeem: one transaction from the basket to the tickets, the same for web page, card sale, API and tests."""
