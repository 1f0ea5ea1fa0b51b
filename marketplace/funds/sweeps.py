"""What funds do by the clock, each row in a transaction of its own."""

from __future__ import annotations

from marketplace.funds.services.terms import APPLY_TERMS

SWEEPS = [APPLY_TERMS]
