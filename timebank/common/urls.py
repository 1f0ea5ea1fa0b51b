"""Health, for machines."""

from __future__ import annotations

from django.urls import path

from timebank.common import health

app_name = "common"
urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
