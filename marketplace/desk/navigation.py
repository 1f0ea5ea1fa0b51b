"""The desk's entries in the side menu; each role sees its own."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.desk import selectors
from timebank.registry.rules import Action, can
from timebank.ui import menus


def _who_may(*actions: Action) -> Callable[[HttpRequest], bool]:
    def visible(request: HttpRequest) -> bool:
        user = getattr(request, "user", None)
        return user is not None and any(can(user, action) for action in actions)

    return visible


def _to_verify(request: HttpRequest) -> int:
    """Count what waits for this person's eyes, once a request."""
    if not hasattr(request, "_to_verify"):
        request._to_verify = selectors.waiting_for_me(request.user)  # type: ignore[attr-defined]
    return int(request._to_verify)  # type: ignore[attr-defined]


def register() -> None:
    """Put the desk into the menus."""
    sees = _who_may(Action.VIEW_VILLAGE)
    verifies = _who_may(Action.VERIFY_RECORD)
    people = _who_may(Action.REGISTER_RESIDENT, Action.AUDIT)
    group = _("Village")
    menus.register("desk", "village", _("Today"), "desk:home", icon="home", order=10, visible=sees, group=group)
    menus.register(
        "desk",
        "verify",
        _("Verify hours"),
        "desk:verify",
        icon="verify",
        order=20,
        visible=verifies,
        match=("desk:record",),
        count=_to_verify,
        group=group,
    )
    menus.register(
        "desk",
        "notice",
        _("Notice and objections"),
        "desk:notice",
        icon="notice",
        order=25,
        visible=_who_may(Action.PUBLISH_NOTICE, Action.AUDIT),
        match=("desk:objection", "desk:publish"),
        group=group,
    )
    menus.register(
        "desk",
        "village_activities",
        _("Activities"),
        "desk:activities",
        icon="calendar",
        order=30,
        visible=verifies,
        group=group,
    )
    menus.register(
        "desk",
        "residents",
        _("Residents and cards"),
        "desk:residents",
        icon="family",
        order=35,
        visible=people,
        match=("desk:resident", "desk:register", "desk:issue_card", "desk:add_helper"),
        group=group,
    )
    menus.register(
        "desk",
        "stock",
        _("Stock"),
        "desk:stock",
        icon="stock",
        order=40,
        visible=sees,
        match=("desk:stock_item",),
        group=group,
    )
    menus.register(
        "desk", "village_tickets", _("Tickets"), "desk:tickets", icon="ticket", order=45, visible=sees, group=group
    )
    menus.register(
        "desk",
        "village_statement",
        _("Village statement"),
        "desk:statement",
        icon="chart",
        order=50,
        visible=sees,
        match=("desk:month",),
        group=group,
    )
    menus.register(
        "desk",
        "staff",
        _("Staff"),
        "desk:staff",
        icon="settings",
        order=55,
        visible=_who_may(Action.GRANT_ROLE),
        group=group,
    )
