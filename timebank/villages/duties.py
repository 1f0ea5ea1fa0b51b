"""Who founds villages: the village itself prepares, town and county open."""

from __future__ import annotations

from timebank.registry.roles import Duties
from timebank.villages.rules import APPROVE_OPENING, ENTER_OPENING, KEEP_OFFICE, OPEN_VILLAGE

DUTIES = Duties(
    actions={
        "village_admin": (KEEP_OFFICE, ENTER_OPENING),
        "town_admin": (KEEP_OFFICE, OPEN_VILLAGE, APPROVE_OPENING),
        "city_admin": (KEEP_OFFICE, OPEN_VILLAGE, APPROVE_OPENING),
    },
)
