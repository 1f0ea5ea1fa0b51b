"""The lowest app: refusals, health, the process tree. It knows no other app."""

from __future__ import annotations

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app may use."""

    name = "timebank.common"
    label = "common"
