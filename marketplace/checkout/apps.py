"""Oscar's steps (address, shipping, payment) have no place here: the confirm page is in rewards."""

from __future__ import annotations

from oscar.apps.checkout import apps


class CheckoutConfig(apps.CheckoutConfig):
    name = "marketplace.checkout"
