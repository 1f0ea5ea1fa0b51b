"""What sponsors' gifts do by the clock."""

from __future__ import annotations

from marketplace.sponsors.services.pledges import LAPSE_PLEDGES

SWEEPS = [LAPSE_PLEDGES]
