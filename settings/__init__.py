"""Settings; imports Celery's application so that tasks find it."""

from __future__ import annotations
