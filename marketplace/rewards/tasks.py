"""What happens without anybody asking."""

from __future__ import annotations

from celery import shared_task

from marketplace.rewards import services


@shared_task
def task_expire_tickets() -> int:
    """Close tickets past their last day; safe to run at any time, any number of times."""
    return services.expire_tickets()
