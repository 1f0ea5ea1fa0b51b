"""Who keeps the stock, who prices: the roles and rights of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.rewards.rules import (
    ADJUST_STOCK,
    APPROVE_RETURN,
    CARD_SALE,
    CONFIRM_COUNT,
    HAND_OVER,
    KEEP_SUPPLIERS,
    LIST_REWARD,
    PRICE_REWARD,
    RECEIVE_STOCK,
    RETURN_TICKET,
)
from timebank.registry.roles import Duties, RoleSpec
from timebank.registry.rules import VIEW_VILLAGE

APPOINTERS = ("village_admin", "town_admin", "city_admin")

DUTIES = Duties(
    roles=(RoleSpec("stock_keeper", _("Stock keeper"), appointed_by=APPOINTERS, order=60),),
    actions={
        "stock_keeper": (VIEW_VILLAGE, RECEIVE_STOCK, ADJUST_STOCK, LIST_REWARD, RETURN_TICKET),
        "village_admin": (PRICE_REWARD, HAND_OVER, CARD_SALE, KEEP_SUPPLIERS, RETURN_TICKET, CONFIRM_COUNT),
        # What goes back to a person is decided by who looks at both ends, and by the town.
        "supervisor": (APPROVE_RETURN, CONFIRM_COUNT),
        "verifier": (APPROVE_RETURN,),
        "town_admin": (KEEP_SUPPLIERS, PRICE_REWARD, APPROVE_RETURN, CONFIRM_COUNT),
        "city_admin": (KEEP_SUPPLIERS, PRICE_REWARD, APPROVE_RETURN, CONFIRM_COUNT),
    },
    # Who says that hours were served does not keep what they buy.
    clashes=tuple(
        ("stock_keeper", role)
        for role in ("verifier", "supervisor", "village_admin", "town_admin", "city_admin", "auditor")
    ),
    # (asking to take something back moves nothing: another person decides)
    plain=frozenset({RECEIVE_STOCK, ADJUST_STOCK, LIST_REWARD, RETURN_TICKET}),
)
