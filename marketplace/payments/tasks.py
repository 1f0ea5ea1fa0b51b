"""What happens without anybody asking. Each is safe to run at any time, any number of times."""

from __future__ import annotations

from celery import shared_task

from marketplace.payments import providers
from marketplace.payments.services import events, recon


@shared_task
def task_event(pk: int) -> None:
    """Process one event."""
    events.process_event(pk)


@shared_task
def task_process_events() -> int:
    """Process all events that are due."""
    return events.process_waiting()


@shared_task
def task_nightly() -> bool:
    """Pull missed events and compare our books with the provider's."""
    return recon.reconcile(provider=providers.online()).ok if providers.online() else True
