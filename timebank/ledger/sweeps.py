"""What the ledger does by the clock."""

from __future__ import annotations

from timebank.ledger.services.expiry import EXPIRE
from timebank.ledger.services.holds import LAPSE

SWEEPS = [EXPIRE, LAPSE]
