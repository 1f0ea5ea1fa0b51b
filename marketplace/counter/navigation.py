"""The counter in the menus; a scanned card leads a clerk here."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.rewards.rules import CARD_SALE, HAND_OVER
from timebank.registry.navigation import who_may
from timebank.ui.menus import Entry

MENUS = [
    Entry(
        area="desk",
        key="counter",
        label=_("Counter"),
        url_name="counter:desk",
        icon="scan",
        order=10,
        visible=who_may(HAND_OVER),
        match=("counter:scan", "counter:sale", "counter:today", "counter:waiting"),
    ),
    Entry(
        area="card", key="counter", label=_("Counter"), url_name="counter:desk", icon="scan", visible=who_may(CARD_SALE)
    ),
]
