"""Background work of all apps: one beat entry, which starts the sweeps whose turn it is."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from timebank.common import sweeps


@shared_task
def task_sweep(name: str = "") -> dict[str, int]:
    """Run one sweep by its name; without one, start every sweep whose pause is over, each as a task of its own."""
    named = sweeps.all_sweeps()
    if name:
        report = sweeps.run(named[name])
        return {"handled": report.handled, "failed": report.failed}
    now = timezone.now()
    started = [sweep for sweep in named.values() if sweeps.claim(sweep, now)]
    for sweep in started:
        task_sweep.delay(sweep.name)
    return {"started": len(started)}
