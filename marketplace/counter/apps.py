"""The counter of a supplier: scan, hand over, undo, sell by card."""

from __future__ import annotations

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class CounterConfig(AppConfig):
    name = "marketplace.counter"
    label = "counter"
    verbose_name = _("Counter")

    def ready(self) -> None:
        from timebank.ui import menus

        menus.register(
            "desk",
            "counter",
            _("Counter"),
            "counter:desk",
            icon="scan",
            order=10,
            visible=_serves,
            match=("counter:scan", "counter:sale", "counter:today"),
        )


def _serves(request: HttpRequest) -> bool:
    from timebank.registry.rules import Action, can

    return can(getattr(request, "user", None), Action.HAND_OVER)
