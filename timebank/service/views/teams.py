"""Teams of a place: founded, changed, who is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_page
from timebank.registry import rules as registry_rules
from timebank.registry.models import Region
from timebank.registry.rules import GRANT_ROLE, VIEW_VILLAGE
from timebank.registry.selectors import resident_by_number
from timebank.service.forms import FoundTeamForm, MemberForm, TeamForm
from timebank.service.models import Team, TeamMember
from timebank.service.rules import LEAD_ACTIVITY
from timebank.service.services import teams as services
from timebank.service.views.common import login_required

PAGE = 30
SEEING = (VIEW_VILLAGE, LEAD_ACTIVITY, GRANT_ROLE)


def usual_squads() -> list[str]:
    """Name the eight squads that a village's team usually has."""
    return [
        _("Talks and policy squad"),
        _("Culture and arts squad"),
        _("Help for elders squad"),
        _("Health and sports squad"),
        _("Science squad"),
        _("Legal advice squad"),
        _("Clean village squad"),
        _("Mutual help squad"),
    ]


def _place(request: HttpRequest, pk: int) -> Region:
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not any(registry_rules.can(request.user, action, region) for action in SEEING):
        raise Http404
    return region


def _team(request: HttpRequest, pk: int) -> Team:
    """Return a team that the visitor leads or sees; it does not exist for others."""
    team = Team.objects.select_related("region", "leader", "parent").filter(pk=pk).first()
    if team is None:
        raise Http404
    if team.leader_id != request.user.pk:
        _place(request, team.region_id)
    return team


def _may_change(request: HttpRequest, team: Team) -> bool:
    may = team.leader_id == request.user.pk or registry_rules.can(request.user, GRANT_ROLE, team.region)
    return may and team.status == Team.Status.ACTIVE


def possible_parents(region: Region) -> QuerySet[Team]:
    """Select the active teams of a place and above it, of which another can be a part."""
    step = Region.steplen
    paths = [region.path[:end] for end in range(step, len(region.path) + 1, step)]
    teams = Team.objects.filter(region__path__in=paths, status=Team.Status.ACTIVE)
    return teams.select_related("region").order_by("-region__depth", "name", "pk")


@login_required
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """Go to the teams of the first place that the visitor sees."""
    seen = registry_rules.regions_where(request.user, GRANT_ROLE) | registry_rules.regions_where(
        request.user, LEAD_ACTIVITY
    )
    region = seen.filter(is_active=True).order_by("path").first()
    if region is None:
        team = Team.objects.filter(leader=request.user.pk, status=Team.Status.ACTIVE).order_by("pk").first()
        if team is None:
            raise Http404
        return redirect("service:team", pk=team.pk)
    return redirect("service:teams", place=region.pk)


@login_required
@require_GET
def team_list(request: HttpRequest, place: int) -> HttpResponse:
    """List the teams of a place and all below it."""
    region = _place(request, place)
    rows = (
        Team.objects.filter(region__path__startswith=region.path, status=Team.Status.ACTIVE)
        .select_related("region", "leader", "parent")
        .annotate(many=Count("members", filter=Q(members__left_at__isnull=True)))
        .order_by("region__path", "parent__name", "name", "pk")
    )
    context = {
        "region": region,
        "page": Paginator(rows, PAGE).get_page(read_page(request.GET.get("page"))),
        "may_found": registry_rules.can(request.user, GRANT_ROLE, region),
    }
    return render(request, "service/teams.html", context)


@sensitive_post_parameters("leader_password")
@login_required
@require_http_methods(["GET", "POST"])
def team_found(request: HttpRequest, place: int) -> HttpResponse:
    """Found a team with its squads."""
    region = _place(request, place)
    if not registry_rules.can(request.user, GRANT_ROLE, region):
        raise PermissionDenied
    initial = {
        "name": _("%(village)s volunteers") % {"village": region.short_name},
        "squads": "\n".join(usual_squads()),
    }
    if (under := read_id(request.GET.get("under"))) is not None:
        initial |= {"parent": under, "name": "", "squads": ""}
    parents = possible_parents(region)
    form = FoundTeamForm(request.POST if request.method == "POST" else None, initial=initial, parents=parents)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            team = form.once(
                actor=request.user,
                scope=f"found_team:{region.pk}",
                create=lambda: services.found_team(
                    region=region,
                    name=data["name"],
                    squads=data["squads"].split("\n"),
                    leader_name=data["leader_name"],
                    leader_phone=data["leader_phone"],
                    leader_password=data["leader_password"],
                    parent=data["parent"],
                    actor=request.user,  # type: ignore[arg-type]
                ),
            ).result
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The team is founded."))
            return redirect("service:team", pk=team.pk)
    return _form_page(request, region, form, _("Found a team"), _("Found the team"))


def _form_page(
    request: HttpRequest, region: Region, form: Any, title: str, submit: str, team: Team | None = None
) -> HttpResponse:
    context = {"region": region, "form": form, "title": title, "submit": submit, "team": team}
    return render(request, "service/team_form.html", context, status=form.status if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def team(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a team with its squads and members; who leads it takes people in here."""
    shown = _team(request, pk)
    may_change = _may_change(request, shown)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if form.is_valid() and _add(request, shown, form):
            return redirect("service:team", pk=pk)
    members = shown.members.filter(left_at__isnull=True).select_related("resident__village")
    context = {
        "team": shown,
        "region": shown.region,
        "squads": shown.children.filter(status=Team.Status.ACTIVE).select_related("leader").order_by("name"),
        "page": Paginator(members.order_by("resident__name", "pk"), PAGE).get_page(read_page(request.GET.get("page"))),
        "may_change": may_change,
        "may_close": may_change and registry_rules.can(request.user, GRANT_ROLE, shown.region),
        "sees_list": any(registry_rules.can(request.user, action, shown.region) for action in SEEING),
        "under": f"?under={shown.pk}",
        "form": form,
    }
    return render(request, "service/team.html", context, status=form.status if form.errors else 200)


def _add(request: HttpRequest, shown: Team, form: MemberForm) -> bool:
    number = form.cleaned_data["number"].rstrip("/").rsplit("/", 1)[-1]
    resident = resident_by_number(number)
    if resident is None:
        form.add_error("number", _("Nobody has this number. Check it."))
        return False
    try:
        services.add_member(team=shown, resident=resident, actor=request.user)  # type: ignore[arg-type]
    except DomainError as error:
        form.refuse(error)
        return False
    messages.success(request, _("%(name)s is in the team.") % {"name": resident.name})
    return True


@sensitive_post_parameters("leader_password")
@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a team's name, or hand it to another leader."""
    shown = _team(request, pk)
    if not _may_change(request, shown):
        raise PermissionDenied
    initial: dict[str, Any] = {"name": shown.name, "parent": shown.parent_id}
    initial |= {"leader_name": shown.leader.name, "leader_phone": shown.leader.phone or ""}
    parents = possible_parents(shown.region).exclude(pk__in=services.family_of(shown))
    form = TeamForm(request.POST if request.method == "POST" else None, initial=initial, parents=parents)
    if request.method == "POST" and form.is_valid():
        data = {name: value for name, value in form.cleaned_data.items() if name != form.KEY}
        try:
            services.change_team(team=shown, actor=request.user, **data)  # type: ignore[arg-type]
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("service:team", pk=pk)
    return _form_page(request, shown.region, form, _("Change the team"), _("Save"), shown)


@login_required
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a team and its squads."""
    shown = _team(request, pk)
    try:
        services.close_team(team=shown, actor=request.user)  # type: ignore[arg-type]
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
        return redirect("service:team", pk=pk)
    messages.success(request, _("The team is closed."))
    return redirect("service:teams", place=shown.region_id)


@login_required
@require_POST
def end_member(request: HttpRequest, pk: int, member: int) -> HttpResponse:
    """Let somebody leave the team."""
    shown = _team(request, pk)
    held = TeamMember.objects.filter(pk=member, team=shown).select_related("team", "resident").first()
    if held is None:
        raise Http404
    try:
        services.end_member(member=held, actor=request.user)  # type: ignore[arg-type]
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s has left the team.") % {"name": held.resident.name})
    return redirect("service:team", pk=pk)
