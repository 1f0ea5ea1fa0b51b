"""Sponsors in the menus."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.funds.rules import KEEP_FUND
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.sponsors.rules import APPROVE_SPONSOR, PLEDGE, PUBLISH_NEED
from timebank.registry.navigation import who_may
from timebank.registry.rules import GRANT_ROLE
from timebank.ui.menus import Entry

_group = _("Sponsors")
_gives = who_may(PLEDGE)


def _nobody_here(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is None or not user.is_authenticated


def _entry(key: str, label: object, url_name: str, icon: str, order: int, visible: object, *match: str) -> Entry:
    return Entry(
        area="desk",
        key=key,
        label=label,
        url_name=url_name,
        icon=icon,
        order=order,
        visible=visible,  # type: ignore[arg-type]
        match=match,
        group=_group,
    )


MENUS = [
    _entry(
        "sponsor_home", _("Our gifts"), "sponsors:home", "home", 60, _gives, "sponsors:pledge", "sponsors:new_pledge"
    ),
    _entry("sponsor_impact", _("What they did"), "sponsors:impact", "chart", 61, _gives),
    _entry("sponsor_team", _("Our team"), "sponsors:team", "family", 62, _gives, "sponsors:profile"),
    _entry(
        "organisations",
        _("Organisations"),
        "sponsors:organisations",
        "family",
        63,
        who_may(GRANT_ROLE),
        "sponsors:organisation",
        "sponsors:new_organisation",
    ),
    _entry(
        "needs",
        _("Needs"),
        "sponsors:desk_needs",
        "notice",
        64,
        who_may(PUBLISH_NEED),
        "sponsors:desk_need",
        "sponsors:new_need",
    ),
    _entry(
        "pledges",
        _("Pledges"),
        "sponsors:desk_pledges",
        "points",
        65,
        who_may(KEEP_FUND, APPROVE_SPONSOR, PUBLISH_NEED),
        "sponsors:desk_pledge",
    ),
    _entry(
        "deliveries",
        _("Deliveries"),
        "sponsors:deliveries",
        "stock",
        66,
        who_may(KEEP_FUND, RECEIVE_STOCK),
        "sponsors:delivery",
    ),
    Entry(
        area="public",
        key="needs",
        label=_("Needs"),
        url_name="sponsors:needs",
        icon="notice",
        order=35,
        visible=_nobody_here,
        match=("sponsors:need", "sponsors:thanks", "sponsors:board", "sponsors:apply"),
    ),
]
