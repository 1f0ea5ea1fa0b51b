"""The Celery application: `celery -A settings worker`, `celery -A settings beat`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery

# Whoever does not come through manage.py (which means dev) or the suite runs for real.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.production")

app = Celery("shanji")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def compose_schedule(sender: Any, **_kwargs: Any) -> None:
    """Take the beat entries that the apps declare."""
    from timebank.common import contract

    sender.conf.beat_schedule = contract.beat_schedule()


@app.on_configure.connect
def make_queue_folders(sender: Any = None, **_kwargs: Any) -> None:
    """Make the folders of the broker that needs no server, as soon as anybody wants to use it."""
    from django.conf import settings  # the settings import this package: not before they are complete

    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    for folder in ("data_folder_in", "processed_folder", "control_folder"):
        if path := options.get(folder):
            Path(path).mkdir(parents=True, exist_ok=True)
