"""What the funds do by themselves. Every due effect is a row, so a task that runs twice or late does no harm."""

from __future__ import annotations

import datetime as dt

from celery import shared_task
from django.utils import timezone

from marketplace.funds import rules
from marketplace.funds.services.cover import take_snapshots
from marketplace.funds.services.prices import reprice
from marketplace.funds.services.queue import offer_kept
from marketplace.funds.services.statements import issue_statements


@shared_task
def task_cover() -> int:
    """Compute every fund's cover and offer what was kept, every five minutes."""
    count = take_snapshots()
    offer_kept()
    return count


@shared_task
def task_reprice() -> int:
    """Let open promises follow the prices of the new day, nightly."""
    return reprice()


@shared_task
def task_statements() -> int:
    """Issue the statements of the last month, from the first day on: again finds nothing left."""
    last_month = timezone.localdate().replace(day=1) - dt.timedelta(days=1)
    first_day, last_day = rules.month_of(last_month)
    return len(issue_statements(first_day=first_day, last_day=last_day))
