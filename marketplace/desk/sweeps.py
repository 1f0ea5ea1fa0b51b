"""What the desk keeps young by the clock: sums over a town or a county that no page may wait for."""

from __future__ import annotations

from marketplace.desk.months import MONTH
from marketplace.desk.selectors import OUTSTANDING, RESIDENTS
from marketplace.desk.statement import STATEMENT
from timebank.common.figures import sweep_of

SWEEPS = [sweep_of(OUTSTANDING), sweep_of(RESIDENTS), sweep_of(STATEMENT), sweep_of(MONTH)]
