"""Settings; imports Celery's application so that a task finds its broker wherever it is called from."""

from __future__ import annotations

from settings.celery import app as celery_app

__all__ = ["celery_app"]
