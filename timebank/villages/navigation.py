"""Founding in the menus."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.registry.navigation import who_may
from timebank.registry.rules import GRANT_ROLE
from timebank.ui.menus import Entry
from timebank.villages.rules import KEEP_OFFICE

MENUS = [
    Entry(
        area="desk",
        key="founding",
        label=_("What the village needs"),
        url_name="villages:mine",
        icon="home",
        order=56,
        visible=who_may(KEEP_OFFICE, GRANT_ROLE),
        match=("villages:founding", "villages:office", "villages:appoint"),
        group=_("Village"),
    ),
]
