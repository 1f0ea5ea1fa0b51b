"""Separation of duties: nobody decides, as staff, what concerns themselves, their household or somebody they help.

Judged by who a thing concerns, not by the way it was done. One predicate; services of all apps ask it under their lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timebank.registry.errors import ConflictOfInterest
from timebank.registry.models import Proxy
from timebank.registry.selectors import resident_of, same_household

if TYPE_CHECKING:
    from timebank.registry.models import Resident

OWN, HOUSEHOLD, CLIENT = "own", "household", "client"


def interest_of(actor: Any, resident: Resident) -> str:
    """Return why a matter of ``resident`` is ``actor``'s own: ``own``, ``household``, ``client``, or "" when it is not.

    A client is whom the actor helps now, whatever the relation: kin, neighbour or village staff.
    """
    if actor is None or actor.pk is None:
        return ""
    if resident.user_id == actor.pk:
        return OWN
    mine = resident_of(actor)
    if mine is not None and same_household(mine, resident):
        return HOUSEHOLD
    if Proxy.objects.filter(resident_id=resident.pk, helper_id=actor.pk, until__isnull=True).exists():
        return CLIENT
    return ""


def require_no_interest(actor: Any, resident: Resident) -> None:
    """Raise ``ConflictOfInterest`` (``interest``) when the matter is the actor's own; another person must do it."""
    interest = interest_of(actor, resident)
    if interest:
        raise ConflictOfInterest(interest=interest)
