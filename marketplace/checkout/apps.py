"""Oscar's steps (address, shipping, payment) have no place here: the confirm page is in rewards."""

from __future__ import annotations

from typing import Any

from oscar.apps.checkout import apps


class CheckoutConfig(apps.CheckoutConfig):
    name = "marketplace.checkout"

    def ready(self) -> None:
        """Load none of Oscar's checkout views: they place orders outside one transaction."""

    def get_urls(self) -> list[Any]:
        return []
