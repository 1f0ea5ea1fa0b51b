"""Everything is collected at the supplier's counter; there is no charge."""

from __future__ import annotations

from oscar.apps.shipping import apps


class ShippingConfig(apps.ShippingConfig):
    name = "marketplace.shipping"
