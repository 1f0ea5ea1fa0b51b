"""The Celery application: `celery -A settings worker`, `celery -A settings beat`."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")

from django.conf import settings

app = Celery("shanji")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

for folder in ("data_folder_in", "processed_folder", "control_folder"):
    if path := getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).get(folder):
        Path(path).mkdir(parents=True, exist_ok=True)
