"""Redemption, tickets, stock movements: the heart of the market."""

from __future__ import annotations

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "marketplace.rewards"
    label = "rewards"
    verbose_name = _("Redemptions")

    def ready(self) -> None:
        from marketplace.order.processing import cancel_by
        from marketplace.rewards.services import cancel_order
        from timebank.ui import menus

        cancel_by(cancel_order)
        for area in ("resident", "public"):
            menus.register(area, "home", _("Home"), "rewards:home", icon="home", order=10)
        menus.register(
            "resident",
            "tickets",
            _("My tickets"),
            "rewards:tickets",
            icon="ticket",
            order=30,
            match=("rewards:ticket", "rewards:redemption", "rewards:cancel", "rewards:cancel_all"),
            count=_waiting,
        )


def _waiting(request: HttpRequest) -> int:
    """Count the tickets that wait for whom this session acts."""
    from marketplace.rewards.selectors import waiting_count
    from timebank.registry.selectors import acting_resident

    resident = acting_resident(request)
    return waiting_count(resident) if resident is not None else 0
