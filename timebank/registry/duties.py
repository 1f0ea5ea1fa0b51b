"""What the registry itself declares: the villages' and towns' offices, and what they do with people and places."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.registry.roles import Duties, RoleSpec
from timebank.registry.rules import (
    APPROVE_DEVICE,
    AUDIT,
    CONFIRM_LIST,
    CONFIRM_RESIDENT,
    GRANT_ROLE,
    ISSUE_CARD,
    REGISTER_RESIDENT,
    SEE_READS,
    VIEW_VILLAGE,
)

ABOVE_VILLAGE = ("town_admin", "city_admin")

DUTIES = Duties(
    roles=(
        RoleSpec("village_admin", _("Village admin"), appointed_by=ABOVE_VILLAGE, order=30),
        RoleSpec("town_admin", _("Town admin"), appointed_by=("city_admin",), order=20),
        RoleSpec("city_admin", _("County admin"), order=10),
        RoleSpec("auditor", _("Auditor"), appointed_by=ABOVE_VILLAGE, order=40),
    ),
    actions={
        "village_admin": (
            VIEW_VILLAGE,
            REGISTER_RESIDENT,
            CONFIRM_RESIDENT,
            ISSUE_CARD,
            GRANT_ROLE,
            APPROVE_DEVICE,
        ),
        "town_admin": (VIEW_VILLAGE, GRANT_ROLE, AUDIT, CONFIRM_RESIDENT, CONFIRM_LIST, APPROVE_DEVICE, SEE_READS),
        "city_admin": (VIEW_VILLAGE, GRANT_ROLE, AUDIT, CONFIRM_RESIDENT, CONFIRM_LIST, SEE_READS),
        "auditor": (VIEW_VILLAGE, AUDIT, SEE_READS),
    },
    # Who appoints or audits does not do the work that is appointed or audited, over the same places.
    clashes=(
        ("town_admin", "village_admin"),
        ("city_admin", "village_admin"),
        ("auditor", "village_admin"),
        ("auditor", "town_admin"),
        ("auditor", "city_admin"),
    ),
    # The operator of the platform sees and appoints; hours, points and stock stay with the villages.
    operator=frozenset({VIEW_VILLAGE, GRANT_ROLE, AUDIT}),
    confirmed=frozenset({GRANT_ROLE}),
)
