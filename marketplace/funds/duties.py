"""Who keeps the fund, who approves, who sees what is paid: the roles and rights of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.funds.rules import (
    APPROVE_PAYMENT,
    CLOSE_PERIOD,
    KEEP_FUND,
    PRICE_SUPPLIER,
    RECORD_BANK,
    SEE_SETTLEMENT,
    SET_UP_FUND,
)
from timebank.registry.roles import Duties, RoleSpec
from timebank.registry.rules import VIEW_VILLAGE

DUTIES = Duties(
    roles=(RoleSpec("fund_keeper", _("Fund keeper"), appointed_by=("town_admin", "city_admin"), order=65),),
    actions={
        "fund_keeper": (VIEW_VILLAGE, KEEP_FUND, PRICE_SUPPLIER, RECORD_BANK, SEE_SETTLEMENT),
        # The supervision committee's member looks at both ends, hours and money, and prepares neither.
        "supervisor": (APPROVE_PAYMENT, SEE_SETTLEMENT),
        "village_admin": (SEE_SETTLEMENT,),
        "town_admin": (APPROVE_PAYMENT, CLOSE_PERIOD, SEE_SETTLEMENT, SET_UP_FUND),
        "city_admin": (APPROVE_PAYMENT, CLOSE_PERIOD, SEE_SETTLEMENT, SET_UP_FUND),
        "auditor": (SEE_SETTLEMENT,),
        "supplier_staff": (SEE_SETTLEMENT,),
    },
    # Who verifies hours, prices or stocks does not keep the money; who keeps it does not approve what it pays.
    clashes=(
        ("fund_keeper", "village_admin"),
        ("fund_keeper", "verifier"),
        ("fund_keeper", "stock_keeper"),
        ("fund_keeper", "supervisor"),
    ),
    plain=frozenset({SEE_SETTLEMENT}),
    confirmed=frozenset({APPROVE_PAYMENT, CLOSE_PERIOD, SET_UP_FUND}),
)
