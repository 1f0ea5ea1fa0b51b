"""Background work. Each task may run twice, late, or beside itself: the services see to that."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from timebank.service import services
from timebank.service.services.years import close_year

logger = logging.getLogger(__name__)


@shared_task
def task_credit_due() -> dict[str, int]:
    """Credit every record whose notice is over."""
    report = services.credit_due()
    for row in report.failed:
        logger.warning("record %s not credited: %s", row.record_id, row.code)
    return {"due": report.due, "credited": report.credited, "failed": len(report.failed)}


@shared_task
def task_close_year() -> int:
    """Carry over the stars of the year before; every run after the first changes nothing."""
    return close_year(year=timezone.localdate().year - 1)


@shared_task
def task_close_overdue() -> int:
    """Close activities that their leaders forgot."""
    return len(services.close_overdue())
