"""Reading people and places, scoped by who asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from timebank.common.input import InvalidInput, clean_text, digits, fold, household_number
from timebank.common.input import code as read_code
from timebank.common.input import phone as read_phone
from timebank.registry import roles, rules
from timebank.registry.errors import CardBlocked, UnknownCard
from timebank.registry.models import (
    Card,
    HelperRequest,
    Household,
    Organisation,
    Proxy,
    Region,
    Resident,
    RoleGrant,
    SuccessorProposal,
    User,
)
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import VIEW_VILLAGE

# How long a session acts for someone by their card and PIN, without being asked again.
ACTING_BY_CARD = dt.timedelta(minutes=20)
ACTING = "acting"  # session key: {"resident": id, "by": "proxy" | "card", "card": id, "until": iso}


# -- Places ------------------------------------------------------------------------------------------------------------
def subtree(region: Region) -> QuerySet[Region]:
    """Select a region and everything below it."""
    return Region.objects.filter(path__startswith=region.path)


def ancestors(region: Region) -> list[Region]:
    """List the places above a region, the topmost first."""
    return list(Region.objects.filter(path__in=paths_up(region.path)[1:]).order_by("depth"))


def villages_of(user: Any) -> QuerySet[Region]:
    """Select the villages a person belongs to or may look into."""
    where = Q(pk__in=rules.regions_where(user, VIEW_VILLAGE).values("pk"))
    own = resident_of(user)
    if own is not None:
        where |= Q(pk=own.village_id)
    return Region.objects.filter(where, level=Region.Level.VILLAGE, is_active=True).order_by("path")


def villages_where(user: Any, action: str) -> QuerySet[Region]:
    """Select the villages in which a person may do something."""
    return rules.regions_where(user, action).filter(level=Region.Level.VILLAGE, is_active=True).order_by("path")


def region_by_code(code: str) -> Region | None:
    """Find a place by its present or any past code, its own or that of a place that became a part of it."""
    region = Region.objects.filter(code=code).first() or Region.objects.filter(codes__code=code).order_by("pk").first()
    while region is not None and region.successor is not None:
        region = region.successor
    return region


def places_below(region: Region | None) -> QuerySet[Region]:
    """Select the places right below one, or the topmost ones."""
    if region is None:
        return Region.objects.filter(depth=1, is_active=True).order_by("code")
    return Region.objects.filter(path__startswith=region.path, depth=region.depth + 1, is_active=True).order_by("code")


def villages_named(text: str, limit: int = 30) -> list[Region]:
    """Find villages whose name contains ``text``; the exact name first."""
    text = clean_text(text, most=40)
    if not text:
        return []
    regions = Region.objects.filter(level=Region.Level.VILLAGE, is_active=True, name__contains=text)
    exact = list(regions.filter(short_name=text).order_by("code")[:limit])
    rest = regions.exclude(pk__in=[region.pk for region in exact]).order_by("code")[: limit - len(exact)]
    return exact + list(rest)


def with_places(regions: list[Region]) -> list[tuple[Region, str]]:
    """Pair each region with the names of the county and town above it, in one query."""
    step = Region.steplen
    paths = {region.path[: step * depth] for region in regions for depth in (3, 4) if depth < region.depth}
    above = dict(Region.objects.filter(path__in=paths).values_list("path", "short_name"))

    def place(region: Region) -> str:
        names = (above.get(region.path[: step * depth], "") for depth in (3, 4) if depth < region.depth)
        return " ".join(name for name in names if name)

    return [(region, place(region)) for region in regions]


# -- People ------------------------------------------------------------------------------------------------------------
def resident_of(user: Any) -> Resident | None:
    """Return the resident who signs in as ``user``, whatever their status; staff from elsewhere have none."""
    if user is None or not user.is_authenticated:
        return None
    if not hasattr(user, "_resident"):  # the account of a session brings it along (``backends``)
        user._resident = Resident.objects.select_related("village", "household").filter(user=user).first()
    resident: Resident | None = user._resident
    return resident


def acting_resident(request: HttpRequest) -> Resident | None:
    """Return the active resident this session acts for: oneself, or the person chosen at ``/acting/``.

    A helper's power or a card that ended in the meantime ends the acting at once.
    """
    if not hasattr(request, "_acting_resident"):
        other = _chosen(request)
        own = resident_of(getattr(request, "user", None))
        request._acting_resident = other or (own if own and own.status == Resident.Status.ACTIVE else None)  # type: ignore[attr-defined]
        request._acts_for_other = other is not None  # type: ignore[attr-defined]
    resident: Resident | None = request._acting_resident  # type: ignore[attr-defined]
    return resident


def on_behalf_of(request: HttpRequest) -> Resident | None:
    """Return the other person this session acts for; ``None`` for oneself. Hand it to services as ``on_behalf_of``."""
    resident = acting_resident(request)
    return resident if request._acts_for_other else None  # type: ignore[attr-defined]


def _chosen(request: HttpRequest) -> Resident | None:
    session = getattr(request, "session", None)
    user = getattr(request, "user", None)
    chosen = session.get(ACTING) if session is not None and user is not None and user.is_authenticated else None
    if session is None or not chosen:
        return None
    resident = (
        Resident.objects.select_related("village", "household")
        .filter(pk=chosen["resident"], status=Resident.Status.ACTIVE)
        .first()
    )
    live = False
    if resident is not None and chosen["by"] == "proxy":
        live = Proxy.objects.filter(resident=resident, helper=user, until__isnull=True).exists()
    elif resident is not None and chosen["by"] == "card":
        fresh = dt.datetime.fromisoformat(chosen["until"]) > timezone.now()
        live = fresh and Card.objects.filter(pk=chosen["card"], resident=resident, status=Card.Status.ACTIVE).exists()
    if not live:
        request.session.pop(ACTING, None)
        return None
    return resident


def helps(user: Any) -> QuerySet[Proxy]:
    """Select the people whom ``user`` may act for."""
    return (
        Proxy.objects.filter(helper=user, until__isnull=True, resident__status=Resident.Status.ACTIVE)
        .select_related("resident__village")
        .order_by("resident__name", "pk")
    )


def helper_requests_for(user: Any, resident: Resident | None) -> QuerySet[HelperRequest]:
    """Select the open requests that this person has to answer, as the helper or as the resident."""
    where = Q(helper=user, helper_agreed_at__isnull=True)
    if resident is not None:
        where |= Q(resident=resident, resident_agreed_at__isnull=True)
    rows = HelperRequest.objects.filter(where, state=HelperRequest.State.OPEN)
    return rows.select_related("resident__village", "helper").order_by("asked_at", "pk")


def helper_papers(region: Region, user: Any) -> QuerySet[HelperRequest]:
    """Select the open requests in a place for people without a sign-in, whose signed paper this person may look at."""
    rows = HelperRequest.objects.filter(
        resident__village__path__startswith=region.path,
        resident__user__isnull=True,
        resident_agreed_at__isnull=True,
        state=HelperRequest.State.OPEN,
    )
    rows = rows.exclude(asked_by=user).exclude(helper=user)
    return rows.select_related("resident__village", "helper", "asked_by").order_by("asked_at", "pk")


def helper_requests_of(resident: Resident) -> QuerySet[HelperRequest]:
    """Select the open requests about a resident, whoever has to answer."""
    rows = resident.helper_requests.filter(state=HelperRequest.State.OPEN)
    return rows.select_related("helper", "asked_by").order_by("asked_at", "pk")


def helpers_of(resident: Resident) -> QuerySet[Proxy]:
    """Select the people who may act for a resident."""
    return resident.proxies.filter(until__isnull=True).select_related("helper").order_by("since")


def get_resident_for(actor: Any, pk: int) -> Resident:
    """Return a resident to themselves, their helpers and their village's desk; strangers get 404."""
    resident = Resident.objects.select_related("village", "household", "user").filter(pk=pk).first()
    if resident is None or actor is None or not actor.is_authenticated:
        raise Http404
    if rules.can_act_for(actor, resident) or rules.can(actor, VIEW_VILLAGE, resident.village):
        return resident
    raise Http404


TAIL = 4  # as many last digits of a telephone find somebody: what people say of a number they half remember


def _found_by(text: str) -> Q:
    """Return who is meant by what somebody typed: a name, or any number of theirs, in whatever spelling.

    Numbers of other tables are looked up there: a join would make rows twice and read every resident for one card.
    """
    where = Q(household__in=Household.objects.filter(number=household_number(text)).values("pk"))
    where |= Q(pk__in=Card.objects.filter(number=read_code(text)).values("resident"))
    if key := fold(text):
        where |= Q(name_key__contains=key)
    if number := digits(text):
        where |= Q(phone__startswith=number) | Q(volunteer_number=number)
        if len(number) >= TAIL:
            where |= Q(phone__endswith=number)
        where |= Q(pk__in=Resident.objects.filter(volunteer_number=number).values("merged_into"))
    try:
        where |= Q(phone=read_phone(text) or None)
    except InvalidInput:
        pass  # the beginning of a number, or something else
    return where


def residents_for(actor: Any, *, village: Region | None = None, text: str = "", status: str = "") -> QuerySet[Resident]:
    """Select the residents whom a desk may see, by name, number, phone or card."""
    residents = Resident.objects.filter(village__in=rules.regions_where(actor, VIEW_VILLAGE))
    if village is not None:
        residents = residents.filter(village=village)
    if status:
        residents = residents.filter(status=status)
    if clean_text(text):
        residents = residents.filter(_found_by(text))
    return residents.select_related("village", "household").order_by("name", "pk")


def on_paper_like(applicant: Resident) -> QuerySet[Resident]:
    """Select who may be this applicant, registered on paper: the same name in the village, and no sign-in yet."""
    return (
        Resident.objects.filter(
            village=applicant.village_id, name_key=applicant.name_key, status=Resident.Status.ACTIVE, user__isnull=True
        )
        .exclude(pk=applicant.pk)
        .select_related("village", "household")
        .order_by("pk")
    )


def resident_by_number(text: str) -> Resident | None:
    """Find a person by volunteer or card number, also by that of an earlier registration of theirs."""
    number = digits(text)
    where = Q(volunteer_number=number) if number else Q(cards__number=read_code(text))
    resident = Resident.objects.select_related("village", "household").filter(where).first()
    while resident is not None and resident.merged_into is not None:
        resident = resident.merged_into
    return resident


def with_cards(residents: QuerySet[Resident]) -> QuerySet[Resident]:
    """Bring the active card of each resident along as ``active_cards``."""
    active = Card.objects.filter(status=Card.Status.ACTIVE)
    return residents.prefetch_related(Prefetch("cards", queryset=active, to_attr="active_cards"))


def same_household(a: Resident, b: Resident) -> bool:
    """Say whether two residents are one person or live in one household."""
    return a.pk == b.pk or (a.household_id is not None and a.household_id == b.household_id)


def household_of(resident: Resident) -> Household | None:
    """Return the household with its members, if the resident has one."""
    return resident.household


# -- Cards -------------------------------------------------------------------------------------------------------------
def active_card(resident: Resident) -> Card | None:
    """Return the card that is valid now."""
    return resident.cards.filter(status=Card.Status.ACTIVE).first()


def card_holder(number: str) -> Resident:
    """Return whose card it is; raise ``UnknownCard`` or ``CardBlocked``."""
    card = (
        Card.objects.select_related("resident__village", "resident__household").filter(number=read_code(number)).first()
    )
    if card is None:
        raise UnknownCard(field="card_number")
    if card.status != Card.Status.ACTIVE or card.resident.status != Resident.Status.ACTIVE:
        raise CardBlocked(field="card_number")
    return card.resident


def staff_at(organisation: Organisation | int | None) -> list[str]:
    """Name, as recipients of an event, who works at an organisation now."""
    if organisation is None:
        return []
    live = RoleGrant.objects.filter(organisation=organisation, ended_at__isnull=True).order_by("user_id")
    return [f"user:{pk}" for pk in live.values_list("user_id", flat=True).distinct()]


def holders_of(action: str, region: Region) -> list[str]:
    """Name, as recipients of an event, who may do something in a region by an office there or above it."""
    may = [key for key, allowed in roles.table().allowed.items() if action in allowed]
    held = RoleGrant.objects.filter(role__in=may, region__path__in=paths_up(region.path), ended_at__isnull=True)
    return [f"user:{pk}" for pk in held.order_by("user_id").values_list("user_id", flat=True).distinct()]


def nearest_holders(action: str, region: Region, *, may: Callable[[User], bool]) -> list[User]:
    """List who may do something by an office at the nearest place, from a region up, where any of them ``may``."""
    allowing = [key for key, allowed in roles.table().allowed.items() if action in allowed]
    rows = RoleGrant.objects.filter(
        role__in=allowing, region__path__in=paths_up(region.path), ended_at__isnull=True, user__is_active=True
    )
    nearest, people = 0, dict[int, User]()
    for row in rows.select_related("region", "user").order_by("-region__depth", "pk"):
        depth = row.region.depth if row.region is not None else 0
        if people and depth < nearest:
            break
        if row.user_id not in people and may(row.user):
            nearest, people[row.user_id] = depth, row.user
    return list(people.values())


# -- Staff -------------------------------------------------------------------------------------------------------------
def other_operators(user: User) -> QuerySet[User]:
    """Select the operators whose second factor another operator may turn off; none for anybody else."""
    operators = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).order_by("name", "pk")
    with_factor = Authenticator.objects.filter(type=Authenticator.Type.TOTP)
    return operators.filter(pk__in=with_factor.values("user")) if user.is_superuser else operators.none()


def offices_of(user: User) -> QuerySet[RoleGrant]:
    """Select a person's live offices, and whether a successor is proposed."""
    rows = RoleGrant.objects.filter(user=user, ended_at__isnull=True).select_related("region", "organisation")
    asked = SuccessorProposal.objects.filter(grant=OuterRef("pk"), answered_at=None)
    return rows.annotate(proposed=Exists(asked)).order_by("granted_at", "pk")


def staff_of(region: Region) -> QuerySet[RoleGrant]:
    """Select the live roles in a region and below it."""
    return (
        RoleGrant.objects.filter(region__path__startswith=region.path, ended_at__isnull=True)
        .select_related("user", "region")
        .order_by("role", "granted_at")
    )
