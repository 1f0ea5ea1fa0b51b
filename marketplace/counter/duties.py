"""Who stands at a counter: the village's clerk, and the supplier's own staff."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.rewards.rules import CARD_SALE, HAND_OVER
from timebank.registry.roles import ORGANISATION, Duties, RoleSpec, StartPage

APPOINTERS = ("village_admin", "town_admin", "city_admin")

DUTIES = Duties(
    roles=(
        RoleSpec("clerk", _("Counter clerk"), appointed_by=APPOINTERS, order=70),
        RoleSpec("supplier_staff", _("Supplier staff"), scope=ORGANISATION, appointed_by=APPOINTERS, order=75),
    ),
    clashes=tuple(("clerk", role) for role in ("supervisor", "town_admin", "city_admin", "auditor")),
    actions={"clerk": (HAND_OVER, CARD_SALE), "supplier_staff": (HAND_OVER, CARD_SALE)},
    plain=frozenset({HAND_OVER, CARD_SALE}),
)
START_PAGES = [StartPage("clerk", "counter:desk"), StartPage("supplier_staff", "counter:desk")]
