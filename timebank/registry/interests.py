"""Separation of duties: nobody decides, as staff, what concerns themselves, their household or somebody they help.

Judged by who a thing concerns, not by the way it was done. One predicate; services of all apps ask it under their lock.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from timebank.common.errors import SamePerson
from timebank.registry.errors import ConflictOfInterest
from timebank.registry.models import AuditEntry, PhoneChange, Proxy, Resident
from timebank.registry.selectors import resident_of, same_household

OWN, HOUSEHOLD, CLIENT = "own", "household", "client"
# Who gave somebody a password could still sign in as them: for so long another person hands over to them.
SIGN_IN_APART = dt.timedelta(days=30)
CLIENT_APART = dt.timedelta(days=30)  # as long after the end of helping


def live_or_lately(prefix: str = "") -> Q:
    """Return the condition that a helper helps, or did until lately: nobody stops helping to decide the same day."""
    since = timezone.now() - CLIENT_APART
    return Q(**{f"{prefix}until__isnull": True}) | Q(**{f"{prefix}until__gte": since})


def interest_of(actor: Any, resident: Resident) -> str:
    """Return why a matter of ``resident`` is ``actor``'s own: ``own``, ``household``, ``client``, or "" when it is not.

    A client is whom the actor helps, or did until lately, whatever the relation: kin, neighbour or village staff.
    """
    if actor is None or actor.pk is None:
        return ""
    if resident.user_id == actor.pk:
        return OWN
    mine = resident_of(actor)
    if mine is not None and same_household(mine, resident):
        return HOUSEHOLD
    if Proxy.objects.filter(live_or_lately(), resident_id=resident.pk, helper_id=actor.pk).exists():
        return CLIENT
    return ""


def require_no_interest(actor: Any, resident: Resident) -> None:
    """Raise ``ConflictOfInterest`` (``interest``) when the matter is the actor's own; another person must do it."""
    interest = interest_of(actor, resident)
    if interest:
        raise ConflictOfInterest(interest=interest)


def matters_of(actor: Any, prefix: str = "") -> Q:
    """Return the condition that the matter of a resident, at ``prefix``, is the actor's own (``interest_of``)."""
    mine = Q(**{f"{prefix}user": actor})
    mine |= Q(**{f"{prefix}proxies__helper": actor}) & live_or_lately(f"{prefix}proxies__")
    own = resident_of(actor)
    if own is not None and own.household_id is not None:
        mine |= Q(**{f"{prefix}household": own.household_id})
    return mine


def require_no_interest_in(actor: Any, people: QuerySet[Resident]) -> None:
    """Raise ``ConflictOfInterest`` when the matter of one of these is the actor's own; one statement for all."""
    resident = people.filter(matters_of(actor)).first()
    if resident is not None:
        raise ConflictOfInterest(interest=interest_of(actor, resident))


def is_other_person(actor: Any, *earlier: int | None) -> bool:
    """Say whether ``actor`` is none of those who acted before (user ids), nor of their households, nor their helper."""
    known = [pk for pk in earlier if pk is not None]
    return actor.pk not in known and not Resident.objects.filter(matters_of(actor), user__in=known).exists()


def other_person(actor: Any, *earlier: int | None) -> None:
    """Refuse whom ``is_other_person`` does not name: two are meant. Raises ``SamePerson``, ``ConflictOfInterest``."""
    if actor.pk in earlier:
        raise SamePerson
    require_no_interest_in(actor, Resident.objects.filter(user__in=[pk for pk in earlier if pk is not None]))


def is_known(resident: Resident) -> bool:
    """Say whether somebody other than who registered or accepted them has confirmed that this person is there.

    A sign-in alone does not count: who registers somebody could sign in as them.
    """
    return resident.confirmed_at is not None and resident.confirmed_how != Resident.Confirmation.SIGN_IN


def could_stand_in(actor: Any, resident: Resident, now: dt.datetime) -> bool:
    """Say whether ``actor`` could be the one who appears as this resident.

    So it is with who brought in somebody whom nobody else has confirmed, and with who gave them a password lately, or
    the number by which one is set.
    """
    if actor is None or actor.pk is None:
        return False
    if resident.registered_by_id == actor.pk and not is_known(resident):
        return True
    if resident.user_id is None:
        return False
    since = now - SIGN_IN_APART
    # A registration that became one with this brought its sign-in along.
    earlier = Resident.objects.filter(merged_into=resident.pk).values_list("pk", flat=True)
    registrations = [f"resident:{pk}" for pk in (resident.pk, *earlier)]
    given = Q(subject__in=registrations, action__in=("register_resident", "give_sign_in", "accept_as"))
    given |= Q(subject=f"user:{resident.user_id}", action="reset_password")
    return (
        AuditEntry.objects.filter(given, actor_id=actor.pk, occurred_at__gte=since).exists()
        or PhoneChange.objects.filter(user=resident.user_id, done_by=actor.pk, done_at__gte=since).exists()
    )
