"""Background work of the ledger; every task may run twice."""

from __future__ import annotations

from celery import shared_task

from timebank.ledger import services


@shared_task
def task_seal() -> int:
    """Seal what waits; return how many transfers."""
    return sum(seal.count for seal in services.seal_all())


@shared_task
def task_expire_due() -> int:
    """Let points expire whose day has passed; return how many (1/100 point)."""
    return services.expire_due().amount


@shared_task
def task_lapse_holds() -> int:
    """Give back the holds that ran out; return how many."""
    return services.lapse_due_holds()
