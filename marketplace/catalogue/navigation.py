"""The shelf in the tabs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.ui.menus import Entry

MENUS = [
    Entry(
        area=area,
        key="redeem",
        label=_("Redeem"),
        url_name="catalogue:index",
        icon="gift",
        order=20,
        match=("catalogue", "basket", "rewards:confirm"),
    )
    for area in ("resident", "public")
]
