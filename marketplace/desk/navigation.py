"""The desk's entries in the side menu; each role sees its own."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.desk import selectors
from marketplace.desk.scope import KEY
from marketplace.rewards.rules import KEEP_SUPPLIERS, LIST_REWARD, PRICE_REWARD
from timebank.registry.navigation import who_may
from timebank.registry.roles import OPERATOR, StartPage
from timebank.registry.rules import AUDIT, GRANT_ROLE, REGISTER_RESIDENT, VIEW_VILLAGE
from timebank.service.rules import PUBLISH_NOTICE, VERIFY_RECORD
from timebank.ui.menus import Entry


def _to_verify(request: HttpRequest) -> int:
    """Count what waits for this person's eyes, once a request."""
    if not hasattr(request, "_to_verify"):
        request._to_verify = selectors.waiting_for_me(request.user)  # type: ignore[attr-defined]
    return int(request._to_verify)  # type: ignore[attr-defined]


_sees = who_may(VIEW_VILLAGE)
_verifies = who_may(VERIFY_RECORD)
_people = who_may(REGISTER_RESIDENT, AUDIT)
_group = _("Village")

MENUS = [
    Entry(
        area="desk",
        key="village",
        label=_("Today"),
        url_name="desk:home",
        icon="home",
        order=10,
        visible=_sees,
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="verify",
        label=_("Verify hours"),
        url_name="desk:verify",
        icon="verify",
        order=20,
        visible=_verifies,
        match=("desk:record", "desk:undo_verification"),
        count=_to_verify,
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="notice",
        label=_("Notice and objections"),
        url_name="desk:notice",
        icon="notice",
        order=25,
        visible=who_may(PUBLISH_NOTICE, AUDIT),
        match=("desk:objection", "desk:publish", "desk:withdraw_notice"),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="village_activities",
        label=_("Activities"),
        url_name="desk:activities",
        icon="calendar",
        order=30,
        visible=_verifies,
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="residents",
        label=_("Residents and cards"),
        url_name="desk:residents",
        icon="family",
        order=35,
        visible=_people,
        match=("desk:resident", "desk:register", "desk:issue_card", "desk:add_helper"),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="stock",
        label=_("Stock"),
        url_name="desk:stock",
        icon="stock",
        order=40,
        visible=_sees,
        match=(
            "desk:stock_item",
            "desk:send_stock",
            "desk:transfers",
            "desk:transfer",
            "desk:write_offs",
            "desk:write_off",
        ),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="shelf",
        label=_("Shelf"),
        url_name="desk:my_shelf",
        icon="gift",
        order=41,
        visible=who_may(LIST_REWARD, PRICE_REWARD),
        match=(
            "desk:shelf",
            "desk:list_reward",
            "desk:price",
            "desk:goods_list",
            "desk:goods_import",
            "desk:what_if",
            "desk:shelf_fill",
            "desk:shelf_prices",
            "desk:opening_counts",
            "desk:opening_count",
            "desk:picture",
        ),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="suppliers",
        label=_("Suppliers"),
        url_name="desk:my_suppliers",
        icon="shop",
        order=42,
        visible=who_may(KEEP_SUPPLIERS),
        match=("desk:suppliers", "desk:new_supplier", "desk:supplier"),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="village_tickets",
        label=_("Tickets"),
        url_name="desk:tickets",
        icon="ticket",
        order=45,
        visible=_sees,
        match=("desk:ticket_return",),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="village_statement",
        label=_("Village statement"),
        url_name="desk:statement",
        icon="chart",
        order=50,
        visible=_sees,
        match=("desk:month",),
        group=_group,
        keep=(KEY,),
    ),
    Entry(
        area="desk",
        key="staff",
        label=_("Staff"),
        url_name="desk:staff",
        icon="settings",
        order=55,
        visible=who_may(GRANT_ROLE),
        match=("desk:hand_over",),
        group=_group,
        keep=(KEY,),
    ),
]

START_PAGES = [
    StartPage(role, "desk:home") for role in (OPERATOR, "city_admin", "town_admin", "village_admin", "auditor")
] + [
    StartPage("supervisor", "desk:verify"),
    StartPage("verifier", "desk:verify"),
    StartPage("stock_keeper", "desk:stock"),
]
