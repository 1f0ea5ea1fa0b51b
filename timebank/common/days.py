"""Days where the villages are, as instants."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone


def end_of_day(day: dt.date) -> dt.datetime:
    """Return the instant at which a calendar day ends; a lookup by instants takes an index, one by ``__date`` none."""
    return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))
