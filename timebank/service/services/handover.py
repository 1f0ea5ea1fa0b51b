"""The teams that a person leads, when their office passes to somebody else."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from timebank.registry.models import Region, User
from timebank.registry.services.audit import record_audits
from timebank.registry.services.handover import PersonalWork
from timebank.service.models import Team
from timebank.service.rules import LEAD_ACTIVITY


def _teams_of(leader: User, region: Region) -> QuerySet[Team]:
    teams = Team.objects.filter(leader=leader, region__path__startswith=region.path, status=Team.Status.ACTIVE)
    return teams.order_by("pk")


def pass_teams(*, leaver: User, successor: User, region: Region, actor: User, now: dt.datetime) -> int:
    """Give the teams that somebody leads in a region, with their activities, to another leader; return how many."""
    teams = list(_teams_of(leaver, region).select_for_update(of=("self",)).select_related("region"))
    _teams_of(leaver, region).update(leader=successor)
    record_audits(
        actor=actor,
        action="change_team",
        rows=[
            (
                f"team:{team.pk}",
                team.region,
                {"from": [team.name, leaver.pk, team.parent_id], "to": [team.name, successor.pk, team.parent_id]},
            )
            for team in teams
        ],
        now=now,
    )
    return len(teams)


PERSONAL_WORK = [
    PersonalWork(
        label=_("Teams"),
        action=LEAD_ACTIVITY,
        names=lambda user, region: list(_teams_of(user, region).values_list("name", flat=True)),
        pass_on=pass_teams,
    ),
]
