"""What the basket forgets by the clock."""

from __future__ import annotations

import datetime as dt

from marketplace.basket.models import Basket
from timebank.common.sweeps import forget

KEPT = dt.timedelta(days=15)  # longer than any session, and only a session knows it

SWEEPS = [
    forget(
        "forget baskets of ended sessions",
        lambda now: Basket.objects.filter(owner=None, status=Basket.OPEN, date_created__lt=now - KEPT),
    )
]
