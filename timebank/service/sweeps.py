"""What voluntary service does by the clock."""

from __future__ import annotations

from timebank.service.services.attendance import CLOSE_FORGOTTEN
from timebank.service.services.credit import CREDIT

SWEEPS = [CLOSE_FORGOTTEN, CREDIT]
