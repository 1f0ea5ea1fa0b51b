"""Oscar's basket of a request, without offers and without baskets for visitors."""

from __future__ import annotations

from typing import Any

from oscar.apps.basket import middleware as oscar


class BasketMiddleware(oscar.BasketMiddleware):
    def apply_offers_to_basket(self, request: Any, basket: Any) -> None:
        """Apply none: Oscar's offers make fractions of points. The star discount is in the strategy."""

    def get_cookie_basket(self, cookie_key: str, request: Any, manager: Any) -> None:
        """Know no cookie baskets: who redeems is signed in, and a robot leaves no rows behind."""
