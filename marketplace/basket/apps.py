"""Lines come with all that pricing reads; a submitted basket never changes; POST only."""

from __future__ import annotations

from oscar.apps.basket import apps


class BasketConfig(apps.BasketConfig):
    name = "marketplace.basket"
