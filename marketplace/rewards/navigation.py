"""Redemptions in the menus."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.rewards.models import Ticket
from marketplace.rewards.selectors import waiting_for
from timebank.common import counts
from timebank.registry.navigation import is_active_resident
from timebank.registry.selectors import acting_resident
from timebank.ui.menus import Entry


def waiting(request: HttpRequest) -> QuerySet[Ticket] | None:
    """Select the tickets that wait for whom this session acts."""
    resident = acting_resident(request)
    return waiting_for(resident) if resident is not None else None


def _waiting(request: HttpRequest) -> int:
    return counts.of_page(request, "tickets")


MENUS = [
    *(
        Entry(area=area, key="home", label=_("Home"), url_name="rewards:home", icon="home", order=10)
        for area in ("resident", "public")
    ),
    Entry(
        area="resident",
        key="tickets",
        label=_("My tickets"),
        url_name="rewards:tickets",
        icon="ticket",
        order=30,
        match=("rewards:kept", "rewards:ticket", "rewards:redemption", "rewards:cancel", "rewards:cancel_all"),
        count=_waiting,
    ),
    Entry(
        area="account",
        key="points",
        label=_("My points"),
        text=_("Every line says why"),
        url_name="rewards:statement",
        icon="points",
        order=20,
        visible=is_active_resident,
    ),
    Entry(
        area="account",
        key="tickets",
        label=_("My tickets"),
        url_name="rewards:tickets",
        icon="ticket",
        order=30,
        visible=is_active_resident,
    ),
]
