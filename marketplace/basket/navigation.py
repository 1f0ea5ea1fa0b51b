"""The basket in the top bar."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.basket.selectors import count_of
from timebank.registry.selectors import acting_resident
from timebank.ui.menus import Entry


def _for_a_resident(request: HttpRequest) -> bool:
    return request.user.is_authenticated and acting_resident(request) is not None


MENUS = [
    Entry(
        area="top",
        key="basket",
        label=_("Basket"),
        url_name="basket:summary",
        icon="basket",
        order=10,
        visible=_for_a_resident,
        count=count_of,
    )
]
