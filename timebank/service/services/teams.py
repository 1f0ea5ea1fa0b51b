"""Founding a team with its squads, changing its name and leader, who is in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from timebank.common.input import clean_text
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region, Resident, User
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.services import record_audit
from timebank.registry.services.sign_ins import sign_in_for
from timebank.service import errors
from timebank.service.models import Activity, Team, TeamMember
from timebank.service.services.activities import create_team


@transaction.atomic
def found_team(
    *,
    region: Region,
    name: str,
    leader_name: str,
    leader_phone: str,
    leader_password: str = "",
    squads: Sequence[str] = (),
    parent: Team | None = None,
    actor: User,
    now: dt.datetime | None = None,
) -> Team:
    """Found a team and its squads under one leader, by itself or as part of another team of the place or above it."""
    registry_rules.require(actor, GRANT_ROLE, region=region)
    _require_parent(parent, region, set())
    now = now or timezone.now()
    leader = sign_in_for(name=leader_name, phone=leader_phone, password=leader_password, actor=actor, now=now)
    team = _create(region, name, leader, actor, now, parent=parent)
    for squad in dict.fromkeys(clean_text(line) for line in squads):
        if squad:
            _create(region, squad, leader, actor, now, parent=team, field="squads")
    return team


def _create(
    region: Region,
    name: str,
    leader: User,
    actor: User,
    now: dt.datetime,
    parent: Team | None = None,
    field: str = "name",
) -> Team:
    try:
        with transaction.atomic():
            return create_team(region=region, name=name, leader=leader, actor=actor, parent=parent, now=now)
    except IntegrityError:
        raise errors.TeamNameTaken(field=field) from None


def family_of(team: Team) -> list[int]:
    """Return the keys of a team and of everything below it that is active."""
    keys, level = [team.pk], [team.pk]
    while level:
        below = Team.objects.filter(parent__in=level, status=Team.Status.ACTIVE).exclude(pk__in=keys)
        level = list(below.values_list("pk", flat=True))
        keys += level
    return keys


def _require_parent(parent: Team | None, region: Region, family: set[int]) -> None:
    """Refuse to be part of a team that is closed, of another place, or itself a part of this one."""
    if parent is None:
        return
    fits = parent.status == Team.Status.ACTIVE and region.path.startswith(parent.region.path)
    if not fits or parent.pk in family:
        raise errors.NotAParent(field="parent")


def _lock(team: Team, actor: User) -> Team:
    """Hold a team; refuse whoever neither leads it nor appoints here."""
    locked = Team.objects.select_for_update(of=("self",)).select_related("region", "leader").get(pk=team.pk)
    if locked.leader_id != actor.pk:
        registry_rules.require(actor, GRANT_ROLE, region=locked.region)
    if locked.status != Team.Status.ACTIVE:
        raise errors.TeamClosed
    return locked


@transaction.atomic
def change_team(
    *,
    team: Team,
    name: str,
    leader_name: str,
    leader_phone: str,
    leader_password: str = "",
    parent: Team | None = None,
    actor: User,
    now: dt.datetime | None = None,
) -> Team:
    """Change a team's name and of which it is a part, or hand it to another leader, who from then on runs it."""
    now = now or timezone.now()
    locked = _lock(team, actor)
    leader = locked.leader
    if (leader_name, leader_phone) != (leader.name, leader.phone or ""):
        leader = sign_in_for(name=leader_name, phone=leader_phone, password=leader_password, actor=actor, now=now)
    _require_parent(parent, locked.region, set(family_of(locked)))
    new_parent = parent.pk if parent is not None else None
    facts = {
        "from": [locked.name, locked.leader_id, locked.parent_id],
        "to": [clean_text(name), leader.pk, new_parent],
    }
    if facts["from"] == facts["to"]:
        return locked
    locked.name, locked.leader, locked.parent = clean_text(name), leader, parent
    try:
        with transaction.atomic():
            locked.save(update_fields=["name", "leader", "parent"])
    except IntegrityError:
        raise errors.TeamNameTaken(field="name") from None
    record_audit(
        actor=actor, action="change_team", subject=f"team:{locked.pk}", region=locked.region, facts=facts, now=now
    )
    return locked


@transaction.atomic
def close_team(*, team: Team, actor: User, now: dt.datetime | None = None) -> Team:
    """Close a team and all below it; refused while one of them has an open activity."""
    now = now or timezone.now()
    locked = _lock(team, actor)
    registry_rules.require(actor, GRANT_ROLE, region=locked.region)
    pks = family_of(locked)
    if Activity.objects.filter(team__in=pks, status=Activity.Status.OPEN).exists():
        raise errors.HasActivities
    Team.objects.filter(pk__in=pks).update(status=Team.Status.CLOSED)
    TeamMember.objects.filter(team__in=pks, left_at__isnull=True).update(left_at=now)
    record_audit(actor=actor, action="close_team", subject=f"team:{locked.pk}", region=locked.region, now=now)
    return locked


@transaction.atomic
def add_member(*, team: Team, resident: Resident, actor: User, now: dt.datetime | None = None) -> TeamMember:
    """Take a resident of the team's region into it; again is the same membership."""
    now = now or timezone.now()
    locked = _lock(team, actor)
    if resident.status != Resident.Status.ACTIVE or not resident.village.path.startswith(locked.region.path):
        raise errors.NotAMember(field="number")
    member, is_new = TeamMember.objects.get_or_create(
        team=locked, resident=resident, left_at=None, defaults={"joined_at": now, "added_by": actor}
    )
    if is_new:
        facts = {"team": locked.pk}
        record_audit(
            actor=actor,
            action="add_team_member",
            subject=f"resident:{resident.pk}",
            region=locked.region,
            facts=facts,
            now=now,
        )
    return member


@transaction.atomic
def end_member(*, member: TeamMember, actor: User, now: dt.datetime | None = None) -> TeamMember:
    """Let somebody leave a team; again does nothing."""
    locked = _lock(member.team, actor)
    held = TeamMember.objects.select_for_update(of=("self",)).get(pk=member.pk, team=locked)
    if held.left_at is None:
        held.left_at = now or timezone.now()
        held.save(update_fields=["left_at"])
        record_audit(
            actor=actor,
            action="end_team_member",
            subject=f"resident:{held.resident_id}",
            region=locked.region,
            facts={"team": locked.pk},
            now=held.left_at,
        )
    return held
