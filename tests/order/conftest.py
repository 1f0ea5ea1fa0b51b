"""The market of the shop's tests."""

from __future__ import annotations

from tests.factories.market import market

__all__ = ["market"]
