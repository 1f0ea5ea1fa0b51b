"""What rewards do by the clock."""

from __future__ import annotations

from marketplace.rewards.services.handing_over import EXPIRE

SWEEPS = [EXPIRE]
