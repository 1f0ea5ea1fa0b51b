"""Work that nobody waits for."""

from __future__ import annotations

from celery import shared_task


@shared_task
def task_lapse_pledges() -> int:
    """Let pledges lapse that are long overdue."""
    from marketplace.sponsors.services.pledges import lapse_pledges

    return lapse_pledges()
