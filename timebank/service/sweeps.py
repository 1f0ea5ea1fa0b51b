"""What voluntary service does by the clock."""

from __future__ import annotations

from timebank.service.services.attendance import CLOSE_FORGOTTEN
from timebank.service.services.credit import CREDIT
from timebank.service.services.lapsing import FORGET, WARN
from timebank.service.services.planning import REMIND

SWEEPS = [CLOSE_FORGOTTEN, CREDIT, REMIND, WARN, FORGET]
