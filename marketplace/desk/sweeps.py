"""What the desk keeps young by the clock: sums over a town or a county that no page may wait for."""

from __future__ import annotations

from marketplace.desk.selectors import OUTSTANDING
from marketplace.desk.statement import STATEMENT
from timebank.common.figures import sweep_of

SWEEPS = [sweep_of(OUTSTANDING), sweep_of(STATEMENT)]
