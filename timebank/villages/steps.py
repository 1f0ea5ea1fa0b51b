"""What a village needs before it opens: one step each, declared by the app that brings it (``founding_steps``).

``standing`` answers for all villages at once, so that a county's page asks as often as a village's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from timebank.common import contract
from timebank.policy.models import Scheme
from timebank.registry import roles
from timebank.registry.models import Region, Resident, RoleGrant
from timebank.registry.models.regions import paths_up
from timebank.registry.rules import CONFIRM_LIST, GRANT_ROLE, REGISTER_RESIDENT
from timebank.service.models import SchemeAdoption, Team
from timebank.service.rules import ADOPT_SCHEME, LEAD_ACTIVITY, VERIFY_RECORD
from timebank.ui.templatetags.ui import day
from timebank.villages.models import Office, Opening
from timebank.villages.rules import APPROVE_OPENING, ENTER_OPENING, KEEP_OFFICE


@dataclass(frozen=True)
class Villages:
    """The villages that are asked about, and what lies above them.

    ``place``: they are all the villages of this place. It takes longer to write a thousand ids into every statement
    than to find what is there.
    """

    rows: Sequence[Region]
    place: Region | None = None

    def inside(self, field: str) -> Q:
        """Filter rows whose ``field`` leads to one of the villages."""
        if self.place is None:
            return Q(**{f"{field}__in": self.ids})
        return Q(**{f"{field}__path__startswith": self.place.path, f"{field}__level": Region.Level.VILLAGE})

    def inside_or_above(self, field: str) -> Q:
        """Filter rows whose ``field`` leads to one of the villages or to a place above one."""
        if self.place is None:
            return Q(**{f"{field}__path__in": self.paths})
        below = Q(**{f"{field}__path__startswith": self.place.path})
        return below | Q(**{f"{field}__path__in": paths_up(self.place.path)})

    @cached_property
    def ids(self) -> list[int]:
        return [village.pk for village in self.rows]

    @cached_property
    def paths(self) -> list[str]:
        """Return the paths of all villages and of everything above them."""
        return sorted({path for row in self.rows for path in paths_up(row.path)})

    def nearest(self, by_path: Mapping[str, Any]) -> dict[int, Any]:
        """Give each village its own value, else that of the nearest place above it."""
        nearest = {}
        for row in self.rows:
            path = next((path for path in paths_up(row.path) if path in by_path), None)
            if path is not None:
                nearest[row.pk] = by_path[path]
        return nearest


@dataclass(frozen=True)
class Step:
    """One thing a village needs; ``standing(villages)`` → id of the village: what stands, in words.

    ``actions``: who may do one of these here gets the button to ``href(village)``; where the step is an office
        (``role``), whoever may appoint to it. ``needed``: without it no opening.
    """

    key: str
    order: int
    label: Any
    text: Any
    action: Any
    href: Callable[[Region], str]
    actions: tuple[str, ...]
    standing: Callable[[Villages], Mapping[int, Any]]
    needed: bool = True
    role: str = ""


def all_steps() -> list[Step]:
    """Return what all apps declare, in its order."""
    return sorted(contract.items("founding_steps"), key=lambda step: (step.order, step.key))


def holders(villages: Villages, role_keys: Iterable[str], *, above: bool = False) -> dict[int, str]:
    """Name who holds one of the roles in each village; ``above``: also in a place above it."""
    grants = RoleGrant.objects.filter(role__in=list(role_keys), ended_at__isnull=True, user__is_active=True)
    grants = grants.filter(villages.inside_or_above("region") if above else villages.inside("region"))
    names: dict[str, list[str]] = {}
    for path, name in grants.order_by("granted_at", "pk").values_list("region__path", "user__name"):
        names.setdefault(path, []).append(name)
    return villages.nearest({path: "、".join(list(dict.fromkeys(held))[:3]) for path, held in names.items()})


def _verifiers() -> list[str]:
    allowed = roles.table().allowed
    return [key for key in allowed if VERIFY_RECORD in allowed[key] and key != "village_admin"]


def _teams(villages: Villages) -> dict[int, str]:
    rows = Team.objects.filter(villages.inside("region"), status=Team.Status.ACTIVE).order_by()
    counts = rows.values_list("region").annotate(Count("pk"))
    return {pk: ngettext("%(n)s team", "%(n)s teams", count) % {"n": count} for pk, count in counts}


def _schemes(villages: Villages) -> dict[int, str]:
    today = timezone.localdate()
    adopted: dict[str, tuple[str, dt.date]] = {}
    rows = SchemeAdoption.objects.filter(villages.inside_or_above("region")).order_by("since", "pk")
    for path, slug, since in rows.values_list("region__path", "slug", "since"):
        if since <= today or path not in adopted:  # the one in force; where there is none, the first to come
            adopted[path] = slug, since
    slugs = {slug for slug, _since in adopted.values()}
    names = dict(Scheme.objects.filter(slug__in=slugs).values_list("slug", "name"))
    words = {}
    for path, (slug, since) in adopted.items():
        name = names.get(slug, slug)
        words[path] = name if since <= today else _("%(name)s, from %(day)s") % {"name": name, "day": day(since)}
    return villages.nearest(words)


def _offices(villages: Villages) -> dict[int, str]:
    rows = Office.objects.filter(villages.inside("region")).exclude(help_phone="").exclude(opening_hours="")
    return {row.pk: f"{row.help_phone} · {row.opening_hours}" for row in rows}


def _residents(villages: Villages) -> dict[int, str]:
    rows = Resident.objects.filter(villages.inside("village"), status=Resident.Status.ACTIVE).order_by()
    counts = rows.values_list("village").annotate(Count("pk"))
    return {pk: ngettext("%(n)s resident", "%(n)s residents", count) % {"n": count} for pk, count in counts}


def _openings(villages: Villages) -> dict[int, str]:
    rows = Opening.objects.filter(villages.inside("village")).exclude(state=Opening.State.REFUSED)
    words: dict[int, str] = {}
    for pk, state, count in rows.order_by("state").values_list("village", "state").annotate(Count("pk")):
        approved = state == Opening.State.APPROVED
        text = (
            ngettext("%(n)s list booked", "%(n)s lists booked", count)
            if approved
            else ngettext("%(n)s list waits for the town", "%(n)s lists wait for the town", count)
        )
        words[pk] = " · ".join(filter(None, [words.get(pk, ""), text % {"n": count}]))
    return words


def appoint_at(role: str) -> Callable[[Region], str]:
    """Return where somebody is given this role in a village."""
    return lambda village: reverse("villages:appoint", args=[village.pk, role])


def page_of(name: str) -> Callable[[Region], str]:
    """Return the page of this name for a village."""
    return lambda village: reverse(name, args=[village.pk])


STEPS = [
    Step(
        key="admin",
        order=10,
        label=_("Village admin"),
        text=_("Keeps the residents, the notice and the prices."),
        action=_("Appoint"),
        href=appoint_at("village_admin"),
        actions=(GRANT_ROLE,),
        role="village_admin",
        standing=lambda villages: holders(villages, ["village_admin"]),
    ),
    Step(
        key="second",
        order=20,
        label=_("A second person for hours"),
        text=_("Nobody verifies hours alone: a member of the supervision committee, or a verifier of the town."),
        action=_("Appoint"),
        href=appoint_at("supervisor"),
        actions=(GRANT_ROLE,),
        role="supervisor",
        standing=lambda villages: holders(villages, _verifiers(), above=True),
    ),
    Step(
        key="office",
        order=30,
        label=_("Opening hours and help telephone"),
        text=_("Shown on every page of the residents and on their tickets."),
        action=_("Write down"),
        href=page_of("villages:office"),
        actions=(KEEP_OFFICE,),
        standing=_offices,
    ),
    Step(
        key="scheme",
        order=40,
        label=_("Scheme by which hours earn points"),
        text=_("A published scheme, adopted from a day on; also by the town or the county for all."),
        action=_("Adopt"),
        href=lambda village: f"{reverse('service:scheme_adopt')}?region={village.pk}",
        actions=(ADOPT_SCHEME,),
        standing=_schemes,
    ),
    Step(
        key="team",
        order=50,
        label=_("Volunteer team"),
        text=_("With a leader and the usual squads."),
        action=_("Found a team"),
        href=page_of("service:teams"),
        actions=(GRANT_ROLE, LEAD_ACTIVITY),
        standing=_teams,
    ),
    Step(
        key="residents",
        order=60,
        label=_("Residents"),
        text=_("From a list, one by one at the desk, or by themselves."),
        action=_("Hand in a list"),
        href=page_of("registry:resident_lists"),
        actions=(REGISTER_RESIDENT, CONFIRM_LIST),
        standing=_residents,
        needed=False,
    ),
    Step(
        key="opening",
        order=65,
        label=_("Points and hours from before"),
        text=_("From a signed list; the town approves it. Only where people had some."),
        action=_("Enter a list"),
        href=page_of("villages:openings"),
        actions=(ENTER_OPENING, APPROVE_OPENING),
        standing=_openings,
        needed=False,
    ),
]
