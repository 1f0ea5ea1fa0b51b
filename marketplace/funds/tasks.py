"""What the funds do by themselves, apart from their sweeps. A task that runs twice or late does no harm."""

from __future__ import annotations

from celery import shared_task

from marketplace.funds.services.prices import reprice


@shared_task
def task_reprice() -> int:
    """Let open promises follow the prices of the new day, nightly."""
    return reprice()
