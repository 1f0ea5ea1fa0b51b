"""This app's entries in the menus."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from timebank.common import counts
from timebank.registry import rules as registry_rules
from timebank.registry.models import User
from timebank.registry.navigation import is_active_resident
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.selectors import acting_resident
from timebank.service.models import Team
from timebank.service.rules import LEAD_ACTIVITY
from timebank.service.selectors.adoptions import sees_schemes
from timebank.ui.menus import Entry


def leads_somewhere(request: HttpRequest) -> bool:
    """Tell whether this visitor leads a team or activities; asked with what else a page counts."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return False
    if registry_rules.can(user, LEAD_ACTIVITY):
        return True
    return counts.of_page(request, "led teams") > 0


def led_teams(request: HttpRequest) -> QuerySet[Team] | None:
    """Select the teams that this visitor leads, to be counted with the rest of the page."""
    user = getattr(request, "user", None)
    return Team.objects.filter(leader=user.pk, status=Team.Status.ACTIVE) if isinstance(user, User) else None


def _works_with_teams(request: HttpRequest) -> bool:
    """Tell whether this visitor founds teams or leads one."""
    user = getattr(request, "user", None)
    return user is not None and (registry_rules.can(user, GRANT_ROLE) or leads_somewhere(request))


def _for_a_resident(request: HttpRequest) -> bool:
    """Tell whether this visit is a resident's: staff from elsewhere sign up for nothing."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and acting_resident(request) is not None


def _works_with_schemes(request: HttpRequest) -> bool:
    """Tell whether this visitor reads or writes schemes."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and sees_schemes(user)


MENUS = [
    Entry(
        area="top",
        key="activities",
        label=_("Activities"),
        url_name="service:activities",
        icon="calendar",
        order=10,
        visible=_for_a_resident,
        match=("service:activity", "service:withdraw", "service:attend"),
    ),
    Entry(
        area="desk",
        key="lead",
        label=_("My activities"),
        url_name="service:lead",
        icon="calendar",
        order=60,
        visible=leads_somewhere,
        match=(
            "service:lead_new",
            "service:lead_activity",
            "service:lead_close",
            "service:lead_cancel",
            "service:lead_change",
            "service:lead_walk_in",
            "service:lead_enter",
        ),
        group=_("Service"),
    ),
    Entry(
        area="desk",
        key="teams",
        label=_("Teams"),
        url_name="service:my_teams",
        icon="family",
        order=65,
        visible=_works_with_teams,
        match=("service:teams", "service:team", "service:team_found", "service:team_change"),
        group=_("Service"),
    ),
    Entry(
        area="account",
        key="hours",
        label=_("My hours"),
        text=_("Every hour you gave, and what became of it"),
        url_name="service:hours",
        icon="hours",
        order=10,
        visible=is_active_resident,
        match=("service:record",),
    ),
    Entry(
        area="desk",
        key="schemes",
        label=_("Schemes"),
        url_name="service:schemes",
        icon="list",
        order=70,
        visible=_works_with_schemes,
        match=(
            "service:scheme",
            "service:scheme_copy",
            "service:scheme_approve",
            "service:scheme_simulate",
            "service:scheme_rule",
            "service:scheme_new_rule",
            "service:scheme_compare",
            "service:scheme_import",
            "service:scheme_adopt",
        ),
        group=_("Service"),
    ),
]
