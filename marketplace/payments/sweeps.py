"""What payments do by the clock, each row by itself: one that fails holds up no other and is named."""

from __future__ import annotations

from marketplace.payments.services.events import LOOK_AFTER
from marketplace.payments.services.refunds import SEND_REFUNDS

SWEEPS = [LOOK_AFTER, SEND_REFUNDS]
