"""Who may do what, where. One table; a grant on a region covers everything below it.

Separation of duties: who verifies hours never stocks, who stocks never verifies. It is refused when a role is granted,
again here when both would meet, and in the database for one person in one village.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from timebank.registry.errors import NotAllowed
from timebank.registry.models import Organisation, Region, Role, RoleGrant

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from timebank.registry.models import User

    Person = User | AnonymousUser


class Action(StrEnum):
    """Something that needs a role."""

    VIEW_VILLAGE = "view_village"
    REGISTER_RESIDENT = "register_resident"
    ISSUE_CARD = "issue_card"
    LEAD_ACTIVITY = "lead_activity"
    VERIFY_RECORD = "verify_record"
    PUBLISH_NOTICE = "publish_notice"
    ANSWER_OBJECTION = "answer_objection"
    RECEIVE_STOCK = "receive_stock"
    ADJUST_STOCK = "adjust_stock"
    PRICE_REWARD = "price_reward"
    HAND_OVER = "hand_over"
    CARD_SALE = "card_sale"
    GRANT_ROLE = "grant_role"
    AUDIT = "audit"
    DRAFT_SCHEME = "draft_scheme"
    APPROVE_SCHEME = "approve_scheme"
    ADOPT_SCHEME = "adopt_scheme"
    KEEP_FUND = "keep_fund"
    PRICE_SUPPLIER = "price_supplier"
    RECORD_BANK = "record_bank"
    APPROVE_PAYMENT = "approve_payment"
    CLOSE_PERIOD = "close_period"
    SEE_SETTLEMENT = "see_settlement"


A = Action
SCHEMES = frozenset({A.DRAFT_SCHEME, A.APPROVE_SCHEME, A.ADOPT_SCHEME})
ALLOWED: dict[str, frozenset[Action]] = {
    Role.LEADER: frozenset({A.LEAD_ACTIVITY}),
    Role.VERIFIER: frozenset({A.VIEW_VILLAGE, A.VERIFY_RECORD, A.PUBLISH_NOTICE, A.ANSWER_OBJECTION}),
    Role.STOCK_KEEPER: frozenset({A.VIEW_VILLAGE, A.RECEIVE_STOCK, A.ADJUST_STOCK}),
    Role.CLERK: frozenset({A.HAND_OVER, A.CARD_SALE}),
    Role.FUND_KEEPER: frozenset({A.VIEW_VILLAGE, A.KEEP_FUND, A.PRICE_SUPPLIER, A.RECORD_BANK, A.SEE_SETTLEMENT}),
    Role.VILLAGE_ADMIN: frozenset(
        {
            A.VIEW_VILLAGE,
            A.REGISTER_RESIDENT,
            A.ISSUE_CARD,
            A.LEAD_ACTIVITY,
            A.VERIFY_RECORD,
            A.PUBLISH_NOTICE,
            A.ANSWER_OBJECTION,
            A.PRICE_REWARD,
            A.HAND_OVER,
            A.CARD_SALE,
            A.GRANT_ROLE,
            A.SEE_SETTLEMENT,
            A.DRAFT_SCHEME,
            A.ADOPT_SCHEME,
        }
    ),
    Role.TOWN_ADMIN: frozenset(
        {A.VIEW_VILLAGE, A.GRANT_ROLE, A.AUDIT, A.APPROVE_PAYMENT, A.CLOSE_PERIOD, A.SEE_SETTLEMENT}
    )
    | SCHEMES,
    Role.CITY_ADMIN: frozenset(
        {A.VIEW_VILLAGE, A.GRANT_ROLE, A.AUDIT, A.APPROVE_PAYMENT, A.CLOSE_PERIOD, A.SEE_SETTLEMENT}
    )
    | SCHEMES,
    Role.AUDITOR: frozenset({A.VIEW_VILLAGE, A.AUDIT, A.SEE_SETTLEMENT}),
    Role.SUPPLIER_STAFF: frozenset({A.HAND_OVER, A.CARD_SALE, A.SEE_SETTLEMENT}),
    Role.SPONSOR_STAFF: frozenset(),
}
# The operator of the platform sees and appoints; hours, points and stock stay with the villages.
OPERATOR = frozenset({A.VIEW_VILLAGE, A.GRANT_ROLE, A.AUDIT})

VERIFYING = frozenset({Role.VILLAGE_ADMIN, Role.VERIFIER})
STOCKING = frozenset({Role.STOCK_KEEPER})
BY_ORGANISATION = frozenset({Role.SUPPLIER_STAFF, Role.SPONSOR_STAFF})

_VILLAGE_ROLES = frozenset(
    {Role.LEADER, Role.VERIFIER, Role.STOCK_KEEPER, Role.CLERK, Role.FUND_KEEPER, Role.SUPPLIER_STAFF}
)
_TOWN_ROLES = _VILLAGE_ROLES | {Role.VILLAGE_ADMIN, Role.SPONSOR_STAFF, Role.AUDITOR}
# Whom a role may appoint: always those below, never itself, so that nobody widens their own power.
MAY_APPOINT: dict[str, frozenset[Role]] = {
    Role.VILLAGE_ADMIN: _VILLAGE_ROLES - {Role.FUND_KEEPER},
    Role.TOWN_ADMIN: _TOWN_ROLES,
    Role.CITY_ADMIN: _TOWN_ROLES | {Role.TOWN_ADMIN},
}


def clash(role: str, other: str) -> bool:
    """Say whether one person may not hold both roles over the same village."""
    return (role in VERIFYING and other in STOCKING) or (role in STOCKING and other in VERIFYING)


def overlap(region: Region, other: Region) -> bool:
    """Say whether one of two regions contains the other, or is it."""
    return region.path.startswith(other.path) or other.path.startswith(region.path)


def grants_of(user: Any) -> list[RoleGrant]:
    """List a person's live roles, read once per user object; ``forget_grants`` reads them anew."""
    if user is None or not user.is_authenticated or not user.is_active:
        return []
    cached: list[RoleGrant] | None = user.__dict__.get("_live_grants")
    if cached is None:
        live = RoleGrant.objects.filter(user=user, ended_at__isnull=True)
        cached = list(live.select_related("region", "organisation").order_by("pk"))
        user.__dict__["_live_grants"] = cached
    return cached


def forget_grants(user: Any) -> None:
    """Drop what is remembered of a person's roles, after one was given or ended."""
    user.__dict__.pop("_live_grants", None)


def can(user: Any, action: Action, region: Region | None = None, organisation: Organisation | None = None) -> bool:
    """Say whether ``user`` may do ``action`` in ``region`` or at ``organisation``; without either, anywhere at all."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser and action in OPERATOR:
        return True
    for grant in grants_of(user):
        if action not in ALLOWED[grant.role]:
            continue
        if region is None and organisation is None:
            return True
        if region is not None and grant.region is not None and region.path.startswith(grant.region.path):
            return True
        if organisation is not None and grant.organisation_id is not None and grant.organisation_id == organisation.pk:
            return True
    return False


def require(user: Any, action: Action, region: Region | None = None, organisation: Organisation | None = None) -> None:
    """Raise ``NotAllowed`` unless ``can`` agrees."""
    if not can(user, action, region, organisation):
        raise NotAllowed(action=str(action))


def regions_where(user: Any, action: Action) -> QuerySet[Region]:
    """Select every region in which ``user`` may do ``action``: the granted ones and all below them."""
    if user is not None and user.is_authenticated and user.is_active and user.is_superuser and action in OPERATOR:
        return Region.objects.all()
    where = Q()
    for grant in grants_of(user):
        if grant.region is not None and action in ALLOWED[grant.role]:
            where |= Q(path__startswith=grant.region.path)
    return Region.objects.filter(where) if where else Region.objects.none()


def organisations_where(user: Any, action: Action) -> QuerySet[Organisation]:
    """Select every organisation at which ``user`` may do ``action`` by a role in it."""
    keys = [g.organisation_id for g in grants_of(user) if g.organisation_id and action in ALLOWED[g.role]]
    return Organisation.objects.filter(pk__in=keys)


def may_appoint(user: Any, role: str, region: Region) -> bool:
    """Say whether ``user`` may give ``role`` in ``region`` (for an organisation: in its region)."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    return any(
        grant.region is not None
        and role in MAY_APPOINT.get(grant.role, frozenset())
        and region.path.startswith(grant.region.path)
        for grant in grants_of(user)
    )
