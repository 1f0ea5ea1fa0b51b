"""What funds do by the clock, each row in a transaction of its own."""

from __future__ import annotations

from marketplace.funds.services.cover import COVER
from marketplace.funds.services.queue import LAPSE_KEPT, OFFER_KEPT
from marketplace.funds.services.statements import ISSUE
from marketplace.funds.services.terms import APPLY_TERMS

SWEEPS = [APPLY_TERMS, COVER, ISSUE, LAPSE_KEPT, OFFER_KEPT]
