"""Redemption, tickets, stock movements: the heart of the market."""
