"""An office changes hands: the successor has it, the leaver has it no longer, and nothing open is left behind.

What waits for the office (hours to verify, objections, returns) lies with the place and needs no handing over: who has
the role sees it. What lies with the person is declared by the app that keeps it (``personal_work`` of its contract).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from timebank.common import contract
from timebank.registry import roles, rules
from timebank.registry.errors import OfficeEnded, OtherPersonNeeded, SameHolder
from timebank.registry.models import Device, Region, RoleGrant, User
from timebank.registry.services.audit import record_audit, record_audits
from timebank.registry.services.roles import end_role, grant_role
from timebank.registry.services.succession import close_proposal, open_proposal, place_of_grant


@dataclass(frozen=True)
class PersonalWork:
    """Work that lies with a person by a right (``action``) which their role gives.

    ``names(user, region)`` says what it is; ``pass_on(leaver=, successor=, region=, actor=, now=)`` gives it to the
    successor and returns how much. Passed on only where the leaver may no longer do it, and the successor may.
    """

    label: Any
    action: str
    names: Callable[[User, Region], list[str]]
    pass_on: Callable[..., int]


def personal_work(grant: RoleGrant) -> list[tuple[PersonalWork, list[str]]]:
    """List what lies with the holder of an office by it, and would pass to a successor."""
    if grant.region is None:
        return []
    allowed = roles.table().allowed.get(grant.role, frozenset())
    held = [work for work in contract.items("personal_work") if work.action in allowed]
    return [(work, names) for work in held if (names := work.names(grant.user, grant.region))]


@transaction.atomic
def hand_over_office(
    *, grant: RoleGrant, successor: User, actor: User, reason: str = "", now: dt.datetime | None = None
) -> RoleGrant:
    """Give an office to somebody else, end it for its holder, pass on what lies with them; return the new grant.

    By who may give this role there. All rules of giving a role hold for the successor. The leaver is signed out
    everywhere, and the devices approved for them there end.
    """
    now = now or timezone.now()
    # In one order, whoever hands to whom: two that cross wait for one another.
    list(User.objects.select_for_update().filter(pk__in=[grant.user_id, successor.pk]).order_by("pk"))
    held = RoleGrant.objects.select_for_update(of=("self",)).select_related("region", "organisation__region", "user")
    held_by = held.get(pk=grant.pk)
    if held_by.ended_at is not None:
        raise OfficeEnded
    if held_by.user_id == successor.pk:
        raise SameHolder(field="phone")
    leaver: User = held_by.user
    place = place_of_grant(held_by)
    if actor.pk == leaver.pk and open_proposal(held_by) is not None:
        raise OtherPersonNeeded  # who proposed does not say yes as well
    taken = grant_role(
        user=successor,
        role=held_by.role,
        actor=actor,
        region=held_by.region,
        organisation=held_by.organisation,
        reason=reason,
        now=now,
    )
    close_proposal(held_by, actor=actor, now=now, successor=successor)
    open_work = personal_work(held_by)
    end_role(grant=held_by, actor=actor, reason=reason, now=now)
    rules.forget_grants(leaver)
    passed = 0
    for work, _names in open_work:
        if rules.can(successor, work.action, place) and not rules.can(leaver, work.action, place):
            passed += work.pass_on(leaver=leaver, successor=successor, region=place, actor=actor, now=now)
    ended = _end_devices(held_by, actor, now)
    leaver.sign_in_epoch += 1
    leaver.save(update_fields=["sign_in_epoch"])
    record_audit(
        actor=actor,
        action="hand_over_office",
        subject=f"user:{leaver.pk}",
        region=place,
        reason=reason,
        facts={"role": held_by.role, "to": successor.pk, "passed_on": passed, "devices": ended},
        now=now,
    )
    return taken


def devices_of(grant: RoleGrant) -> QuerySet[Device]:
    """Select the counter's devices that end with an office: asked for or approved there, and not ended yet."""
    if grant.region is None:
        return Device.objects.none()
    return Device.objects.filter(user=grant.user_id, ended_at=None, region__path__startswith=grant.region.path)


def _end_devices(grant: RoleGrant, actor: User, now: dt.datetime) -> int:
    live = devices_of(grant).select_for_update(of=("self",)).select_related("region")
    rows: list[tuple[str, Region | None, dict[str, Any]]] = [(f"device:{row.pk}", row.region, {}) for row in live]
    devices_of(grant).update(ended_at=now)
    record_audits(actor=actor, action="end_device", rows=rows, now=now)
    return len(rows)
