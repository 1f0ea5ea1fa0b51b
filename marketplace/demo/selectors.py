"""Who may sign in to the demo."""

from __future__ import annotations

from django.db.models import Prefetch

from marketplace.demo import places
from marketplace.demo.people import PASSWORD, PREFIX
from marketplace.rewards.selectors.reach import DAYS, reach_of
from timebank.common.numbers import format_minutes, format_points
from timebank.registry.models import Region, RoleGrant, User


def accounts() -> list[dict[str, str]]:
    """List the demo people who can sign in, one for each role."""
    grants = RoleGrant.objects.filter(ended_at__isnull=True).select_related("region", "organisation")
    people = (
        User.objects.filter(username__startswith=PREFIX, is_active=True)
        .select_related("resident__village")
        .prefetch_related(Prefetch("role_grants", queryset=grants, to_attr="live_grants"))
        .order_by("phone", "username")
    )
    return [_account(user) for user in people]


def _account(user: User) -> dict[str, str]:
    grants: list[RoleGrant] = user.live_grants  # type: ignore[attr-defined]
    resident = getattr(user, "resident", None)
    place = resident.village.short_name if resident is not None else ""
    role = str(User._meta.get_field("is_staff").verbose_name) if user.is_staff else ""
    if grants:
        place = str(grants[0].region or grants[0].organisation)
        role = ", ".join(grant.get_role_display() for grant in grants)
    return {"name": user.name, "sign_in": user.phone or user.email or user.username, "role": role, "place": place}


def greeting(address: str) -> list[str]:  # noqa: ARG001
    """Say in lines who may sign in at ``address``, for who starts the demo."""
    people = [f"  {item['sign_in']:<14} {item['name']}  {item['role']}  {item['place']}" for item in accounts()]
    return [f"Demo people, all with the password {PASSWORD}:", *people] if people else []


def reach_lines() -> list[str]:
    """Say how far the points of the demo reach, in one line a figure."""
    reach = reach_of(Region.objects.get(code=places.COUNTY))
    return [
        (
            f"Served in the last {DAYS} days: {reach.volunteers} residents; the one in the middle gave "
            f"{format_minutes(reach.median_minutes)} and earned {format_points(reach.median_points)} points."
        ),
        f"Can afford a service in reach: {reach.can_afford} of {reach.volunteers} ({reach.percent} %).",
        (
            f"The middle volunteer's month buys a bath or a haircut in {reach.median_affords_care} of "
            f"{reach.villages_with_volunteers} villages."
        ),
        f"Villages without a supplier in reach: {len(reach.without_supplier)} of {reach.villages}.",
    ]
