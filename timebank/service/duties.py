"""Who leads, verifies and publishes: the roles and rights of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.registry.duties import ABOVE_VILLAGE
from timebank.registry.roles import Duties, RoleSpec, StartPage
from timebank.registry.rules import CONFIRM_RESIDENT, SEE_READS, VIEW_VILLAGE
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
        # Every village has a supervision committee by law (村务监督委员会): its member is the second person at hand.
        RoleSpec("supervisor", _("Member of the village supervision committee"), appointed_by=ABOVE_VILLAGE, order=45),
        # Appointed from above: who runs a village does not choose the second pair of eyes on its hours.
        RoleSpec("verifier", _("Verifier"), appointed_by=ABOVE_VILLAGE, order=50),
        RoleSpec("leader", _("Team leader"), appointed_by=APPOINTERS, order=80),
    ),
    actions={
        "leader": (LEAD_ACTIVITY,),
        "verifier": (VIEW_VILLAGE, CONFIRM_RESIDENT, *HOURS),
        "supervisor": (VIEW_VILLAGE, CONFIRM_RESIDENT, SEE_READS, *HOURS),
        "village_admin": (LEAD_ACTIVITY, *HOURS, DRAFT_SCHEME, ADOPT_SCHEME),
        "town_admin": SCHEMES,
        "city_admin": SCHEMES,
    },
    # Who appoints or audits from above does no work below, and the committee's member runs nothing it looks at.
    clashes=(
        *(("verifier", role) for role in ("town_admin", "city_admin", "auditor")),
        *(("supervisor", role) for role in ("town_admin", "city_admin", "auditor", "village_admin", "leader")),
    ),
    plain=frozenset({LEAD_ACTIVITY}),
    confirmed=frozenset({PUBLISH_NOTICE, APPROVE_SCHEME}),
)
START_PAGES = [StartPage("leader", "service:lead")]
