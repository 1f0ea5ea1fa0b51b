"""Who founds villages: the village itself prepares, town and county open."""

from __future__ import annotations

from timebank.registry.roles import Duties
from timebank.villages.rules import KEEP_OFFICE, OPEN_VILLAGE

DUTIES = Duties(
    actions={
        "village_admin": (KEEP_OFFICE,),
        "town_admin": (KEEP_OFFICE, OPEN_VILLAGE),
        "city_admin": (KEEP_OFFICE, OPEN_VILLAGE),
    },
)
