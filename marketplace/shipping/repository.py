"""Everything is collected; nothing is charged."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from oscar.apps.shipping import methods
from oscar.apps.shipping import repository as oscar


class Collect(methods.NoShippingRequired):
    code = "collect"
    name = _("Collect at the supplier")


class Repository(oscar.Repository):
    methods = (Collect(),)

    def get_shipping_methods(self, basket: Any, shipping_addr: Any = None, **kwargs: Any) -> list[Any]:
        return list(self.methods)

    def get_default_shipping_method(self, basket: Any, shipping_addr: Any = None, **kwargs: Any) -> Any:
        return self.methods[0]
