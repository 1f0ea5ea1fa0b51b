"""The place of payments in the side menu."""

from __future__ import annotations


def register() -> None:
    """Put payments into the menus."""
