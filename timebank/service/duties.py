"""Who leads, verifies and publishes: the roles and rights of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.registry.roles import Duties, RoleSpec, StartPage
from timebank.registry.rules import CONFIRM_RESIDENT, VIEW_VILLAGE
from timebank.service.rules import (
    ADOPT_SCHEME,
    ANSWER_OBJECTION,
    APPROVE_SCHEME,
    DRAFT_SCHEME,
    LEAD_ACTIVITY,
    PUBLISH_NOTICE,
    VERIFY_RECORD,
)

APPOINTERS = ("village_admin", "town_admin", "city_admin")
SCHEMES = (DRAFT_SCHEME, APPROVE_SCHEME, ADOPT_SCHEME)
HOURS = (VERIFY_RECORD, PUBLISH_NOTICE, ANSWER_OBJECTION)

DUTIES = Duties(
    roles=(
        RoleSpec("verifier", _("Verifier"), appointed_by=APPOINTERS, order=50),
        RoleSpec("leader", _("Team leader"), appointed_by=APPOINTERS, order=80),
    ),
    actions={
        "leader": (LEAD_ACTIVITY,),
        "verifier": (VIEW_VILLAGE, CONFIRM_RESIDENT, *HOURS),
        "village_admin": (LEAD_ACTIVITY, *HOURS, DRAFT_SCHEME, ADOPT_SCHEME),
        "town_admin": SCHEMES,
        "city_admin": SCHEMES,
    },
)
START_PAGES = [StartPage("leader", "service:lead")]
