"""Background work of the ledger; every task may run twice."""

from __future__ import annotations

from celery import shared_task

from timebank.ledger import services


@shared_task
def task_seal() -> int:
    """Seal what waits; return how many transfers."""
    return sum(seal.count for seal in services.seal_all())
