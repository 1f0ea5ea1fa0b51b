"""Background work. Each task may run twice, late, or beside itself: the services see to that."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from timebank.service.services.years import close_year


@shared_task
def task_close_year() -> int:
    """Carry over the stars of the year before; every run after the first changes nothing."""
    return close_year(year=timezone.localdate().year - 1)
