"""Oscar's basket of a request: one for each person acted for, without offers and without baskets for visitors."""

from __future__ import annotations

from typing import Any

from oscar.apps.basket import middleware as oscar

from marketplace.basket.models import Basket
from marketplace.basket.selectors import ACTED, acted_basket
from timebank.registry.selectors import on_behalf_of


class BasketMiddleware(oscar.BasketMiddleware):
    def get_basket(self, request: Any) -> Any:
        """Return the basket of whom the session acts for: what a helper wants for themselves stays in their own."""
        if request._basket_cache is None and request.user.is_authenticated:
            person = on_behalf_of(request)
            if person is not None:
                basket = acted_basket(request, person)
                if basket is None:
                    basket = Basket.objects.create()
                    request.session[ACTED] = {**request.session.get(ACTED, {}), str(person.pk): basket.pk}
                request._basket_cache = basket
        return super().get_basket(request)

    def apply_offers_to_basket(self, request: Any, basket: Any) -> None:
        """Apply none: Oscar's offers make fractions of points. The star discount is in the strategy."""

    def get_cookie_basket(self, cookie_key: str, request: Any, manager: Any) -> None:
        """Know no cookie baskets: who redeems is signed in, and a robot leaves no rows behind."""
