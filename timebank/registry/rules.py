"""Who may do what, where. One table, declared by the apps; a grant on a region covers everything below it.

Separation of duties: who verifies hours never stocks, who stocks never verifies. It is refused when a role is granted,
again here when both would meet, and in the database for one person in one village.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from timebank.common import contract
from timebank.registry import roles
from timebank.registry.errors import NotAllowed, NotOpenYet
from timebank.registry.models import Organisation, Proxy, Region, Resident, RoleGrant
from timebank.registry.roles import DutyTable

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from timebank.registry.models import User

    Person = User | AnonymousUser


# What needs a role. Every app names its own in its ``rules`` and says in its ``duties`` who may.
VIEW_VILLAGE = "view_village"
REGISTER_RESIDENT = "register_resident"
CONFIRM_RESIDENT = "confirm_resident"  # as the second person: somebody else registered them
CONFIRM_LIST = "confirm_list"  # the town's yes to a list of residents
ISSUE_CARD = "issue_card"
GRANT_ROLE = "grant_role"
AUDIT = "audit"
APPROVE_DEVICE = "approve_device"  # a counter's device, which then asks only a PIN after a pause
SEE_READS = "see_reads"  # who looked at whose particulars


class ConfirmFirst(Exception):
    """Who is signed in did not say for a while who they are; the middleware asks and then does what was asked for.

    Not a refusal: no form may show it as one, so it is no ``DomainError``.
    """


def _table(action: str) -> DutyTable:
    """Return the declared duties; an action that nobody may ever do is a slip of the pen, not a refusal."""
    table = roles.table()
    if action not in table.actions:
        raise LookupError(f"no app declares the action {action!r}")
    return table


def overlap(region: Region, other: Region) -> bool:
    """Say whether one of two regions contains the other, or is it."""
    return region.path.startswith(other.path) or other.path.startswith(region.path)


def grants_of(user: Any) -> list[RoleGrant]:
    """List a person's live roles, read once per user object; ``forget_grants`` reads them anew."""
    if user is None or not user.is_authenticated or not user.is_active:
        return []
    cached: list[RoleGrant] | None = getattr(user, "_live_grants", None)
    if cached is None:
        live = RoleGrant.objects.filter(user=user, ended_at__isnull=True)
        cached = list(live.select_related("region", "organisation").order_by("pk"))
        user._live_grants = cached
    return cached


def read_grants(users: Iterable[Any]) -> None:
    """Read the live roles of many people at once, for lists that ask about each."""
    people = {user.pk: user for user in users}
    for user in people.values():
        user._live_grants = []
    live = RoleGrant.objects.filter(user__in=people, ended_at__isnull=True)
    for grant in live.select_related("region", "organisation").order_by("pk"):
        people[grant.user_id]._live_grants.append(grant)


def forget_grants(user: Any) -> None:
    """Drop what is remembered of a person's roles, after one was given or ended."""
    if hasattr(user, "_live_grants"):
        del user._live_grants


def can(user: Any, action: str, region: Region | None = None, organisation: Organisation | None = None) -> bool:
    """Say whether ``user`` may do ``action`` in ``region`` or at ``organisation``; without either, anywhere at all."""
    table = _table(action)
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser and action in table.operator:
        return True
    for grant in grants_of(user):
        if action not in table.allowed.get(grant.role, ()):
            continue
        if region is None and organisation is None:
            return True
        if region is not None and grant.region is not None and region.path.startswith(grant.region.path):
            return True
        if organisation is not None and grant.organisation_id is not None and grant.organisation_id == organisation.pk:
            return True
    return False


def require(user: Any, action: str, region: Region | None = None, organisation: Organisation | None = None) -> None:
    """Raise ``NotAllowed`` unless ``can`` agrees; ``ConfirmFirst`` where the action wants a fresh password or code."""
    if not can(user, action, region, organisation):
        raise NotAllowed(action=action)
    if action in _table(action).confirmed:
        require_confirmed(user)


def require_confirmed(user: Any) -> None:
    """Raise ``ConfirmFirst`` in a session whose password or code is old; programs and tasks have no session."""
    if getattr(user, "must_confirm", False):
        raise ConfirmFirst


def regions_where(user: Any, action: str) -> QuerySet[Region]:
    """Select every region in which ``user`` may do ``action``: the granted ones and all below them."""
    table = _table(action)
    if user is not None and user.is_authenticated and user.is_active and user.is_superuser and action in table.operator:
        return Region.objects.all()
    where = Q()
    for grant in grants_of(user):
        if grant.region is not None and action in table.allowed.get(grant.role, ()):
            where |= Q(path__startswith=grant.region.path)
    return Region.objects.filter(where) if where else Region.objects.none()


def organisations_where(user: Any, action: str) -> QuerySet[Organisation]:
    """Select every organisation at which ``user`` may do ``action`` by a role in it."""
    allowed = _table(action).allowed
    keys = [g.organisation_id for g in grants_of(user) if g.organisation_id and action in allowed.get(g.role, ())]
    return Organisation.objects.filter(pk__in=keys)


def may_appoint(user: Any, role: str, region: Region) -> bool:
    """Say whether ``user`` may give ``role`` in ``region`` (for an organisation: in its region)."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return roles.is_role(role)
    table = roles.table()
    return any(
        grant.region is not None
        and role in table.appoints.get(grant.role, ())
        and region.path.startswith(grant.region.path)
        for grant in grants_of(user)
    )


def may_reset_password(actor: Any, user: Any) -> bool:
    """Say whether ``actor`` may give ``user`` a new password: a resident of theirs, or somebody whom they appoint.

    Never one's own (that is a change), and never that of anybody who holds a role one could not have given.
    """
    if actor.pk == user.pk or not user.is_active or user.is_superuser:
        return False
    grants = grants_of(user)
    places = [(grant, grant.region or (grant.organisation.region if grant.organisation else None)) for grant in grants]
    if not all(place is not None and may_appoint(actor, grant.role, place) for grant, place in places):
        return False
    if grants:
        return True
    resident = getattr(user, "resident", None)
    return resident is not None and can(actor, REGISTER_RESIDENT, resident.village)


def may_end_factor(actor: Any, user: Any) -> bool:
    """Say whether ``actor`` may turn off the second factor of ``user``: whoever appoints all that they are.

    The operators' only by another operator; a resident's without roles by the village, as with the password.
    """
    if user.is_superuser:
        return bool(actor.is_superuser and actor.is_active and actor.pk != user.pk)
    return may_reset_password(actor, user)


def needs_factor(user: Any) -> bool:
    """Say whether this person's roles want a second factor."""
    if user is None or not user.is_authenticated:
        return False
    table = roles.table()
    return user.is_superuser or any(table.needs_factor(grant.role) for grant in grants_of(user))


def is_staff(user: Any) -> bool:
    """Say whether this person holds any role, so that sessions end sooner."""
    return user is not None and user.is_authenticated and (user.is_superuser or bool(grants_of(user)))


def can_act_for(user: Any, resident: Resident, proven: Resident | None = None) -> bool:
    """Say whether ``user`` is this resident, their named helper, or in a session that proved to act for them.

    ``proven`` is whom the session acts for: by card and PIN, or as a helper.
    """
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if resident.user_id == user.pk or (proven is not None and proven.pk == resident.pk):
        return True
    return Proxy.objects.filter(resident=resident, helper=user, until__isnull=True).exists()


def require_open(village: Region) -> None:
    """Refuse what begins only once a place is open: an app says by its contract which is still in preparation."""
    if any(declaration.value(village) for declaration in contract.declared("in_preparation")):
        raise NotOpenYet(village=str(village))


def start_page(user: Any) -> str:
    """Return the URL name where a person's work begins; "" for residents and whoever has no role with a page."""
    if user is None or not user.is_authenticated or not user.is_active:
        return ""
    keys = [grant.role for grant in grants_of(user)]
    return roles.start_page([*keys, roles.OPERATOR] if user.is_superuser else keys)
