"""The lowest room: refusals, health, the process tree. It knows no other room."""

from __future__ import annotations

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every room may use."""

    name = "timebank.common"
    label = "common"
