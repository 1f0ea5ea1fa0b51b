"""The funds in the desk's menu, and where the fund keeper's work begins."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.funds.rules import INSIDE, SEE_SETTLEMENT
from timebank.registry.roles import StartPage
from timebank.registry.rules import can, grants_of
from timebank.ui.menus import Entry


def sees_inside(request: HttpRequest) -> bool:
    """Say whether this visitor sees the inside of a fund."""
    user = getattr(request, "user", None)
    return any(grant.region_id is not None for grant in grants_of(user)) and any(can(user, inside) for inside in INSIDE)


def _supplies(request: HttpRequest) -> bool:
    """Say whether this visitor works for a supplier."""
    user = getattr(request, "user", None)
    return any(grant.organisation_id is not None for grant in grants_of(user)) and can(user, SEE_SETTLEMENT)


MENUS = [
    Entry(
        area="desk",
        key="fund",
        label=_("Fund"),
        url_name="funds:home",
        icon="shield",
        order=48,
        visible=sees_inside,
        match=("funds",),
        group=_("Village"),
    ),
    Entry(
        area="account",
        key="funds",
        label=_("The villages' funds"),
        text=_("The money behind the points"),
        url_name="funds:public_list",
        icon="shield",
        order=62,
        match=("funds:public",),
    ),
    Entry(
        area="desk",
        key="settlement",
        label=_("Settlement"),
        url_name="funds:suppliers",
        icon="list",
        order=75,
        visible=_supplies,
        match=("funds:supplier", "funds:statement"),
        group=_("Funds"),
    ),
]
START_PAGES = [StartPage("fund_keeper", "funds:home")]
