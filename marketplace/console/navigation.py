"""The desk's entries in the side menu; each role sees its own."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.console import selectors
from timebank.face import nav
from timebank.registry.rules import Action, can


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
    nav.register("desk", "village", _("Today"), "console:home", icon="home", order=10, visible=sees, group=group)
    nav.register(
        "desk",
        "verify",
        _("Verify hours"),
        "console:verify",
        icon="verify",
        order=20,
        visible=verifies,
        match=("console:record",),
        count=_to_verify,
        group=group,
    )
    nav.register(
        "desk",
        "notice",
        _("Notice and objections"),
        "console:notice",
        icon="notice",
        order=25,
        visible=_who_may(Action.PUBLISH_NOTICE, Action.AUDIT),
        match=("console:objection", "console:publish"),
        group=group,
    )
    nav.register(
        "desk",
        "village_activities",
        _("Activities"),
        "console:activities",
        icon="calendar",
        order=30,
        visible=verifies,
        group=group,
    )
    nav.register(
        "desk",
        "residents",
        _("Residents and cards"),
        "console:residents",
        icon="family",
        order=35,
        visible=people,
        match=("console:resident", "console:register", "console:issue_card", "console:add_helper"),
        group=group,
    )
    nav.register(
        "desk",
        "stock",
        _("Stock"),
        "console:stock",
        icon="stock",
        order=40,
        visible=sees,
        match=("console:stock_item",),
        group=group,
    )
    nav.register(
        "desk", "village_tickets", _("Tickets"), "console:tickets", icon="ticket", order=45, visible=sees, group=group
    )
    nav.register(
        "desk",
        "village_statement",
        _("Village statement"),
        "console:statement",
        icon="chart",
        order=50,
        visible=sees,
        match=("console:month",),
        group=group,
    )
    nav.register(
        "desk",
        "staff",
        _("Staff"),
        "console:staff",
        icon="settings",
        order=55,
        visible=_who_may(Action.GRANT_ROLE),
        group=group,
    )
