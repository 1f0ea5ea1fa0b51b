"""Who asks for gifts, who approves sponsors, and who gives."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from marketplace.sponsors.rules import APPROVE_SPONSOR, PLEDGE, PUBLISH_NEED
from timebank.registry.roles import ORGANISATION, Duties, RoleSpec, StartPage

DUTIES = Duties(
    roles=(
        RoleSpec(
            "sponsor_staff",
            _("Sponsor staff"),
            scope=ORGANISATION,
            appointed_by=("town_admin", "city_admin"),
            order=78,
        ),
    ),
    actions={
        "village_admin": (PUBLISH_NEED,),
        "town_admin": (PUBLISH_NEED, APPROVE_SPONSOR),
        "city_admin": (PUBLISH_NEED, APPROVE_SPONSOR),
        "sponsor_staff": (PLEDGE,),
    },
    plain=frozenset({PLEDGE}),
)
START_PAGES = [StartPage("sponsor_staff", "sponsors:home")]
