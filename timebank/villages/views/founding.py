"""What a village needs before it opens; for a county, which village lacks what."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_page, read_text
from timebank.registry import roles, rules
from timebank.registry.errors import NobodySignsIn
from timebank.registry.models import Region, RoleGrant, User
from timebank.registry.models.regions import paths_up
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import GRANT_ROLE
from timebank.registry.services import grant_role
from timebank.villages import selectors, services
from timebank.villages.forms import AppointForm, OfficeForm
from timebank.villages.models import Office
from timebank.villages.rules import KEEP_OFFICE, OPEN_VILLAGE, SEEING
from timebank.villages.steps import Step, all_steps

ROWS = 50


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _place(request: HttpRequest, pk: int, *actions: str) -> Region:
    """Return a place where the visitor may do one of these things; it does not exist for others."""
    region = Region.objects.filter(pk=pk, is_active=True).first()
    if region is None or not any(rules.can(request.user, action, region) for action in actions):
        raise Http404
    return region


@login_required
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """Go to the village, or to the list of villages, of whoever asks."""
    seen = rules.regions_where(request.user, KEEP_OFFICE) | rules.regions_where(request.user, GRANT_ROLE)
    region = seen.filter(is_active=True).order_by("path").first()
    if region is None:
        raise Http404
    return redirect("villages:founding", place=region.pk)


@never_cache
@login_required
@require_GET
def founding(request: HttpRequest, place: int) -> HttpResponse:
    """Show what stands and what lacks, with a button for each; above a village: every village below."""
    region = _place(request, place, *SEEING)
    if region.level != Region.Level.VILLAGE:
        return _overview(request, region)
    result = selectors.founding(region)
    items = [(item, item.step.href(region) if _may(request, item.step, region) else "") for item in result.standings]
    context = {
        "region": region,
        "founding": result,
        "items": items,
        "may_open": rules.can(request.user, OPEN_VILLAGE, region),
        "above": _above(request, region),
    }
    return render(request, "villages/founding.html", context)


def _may(request: HttpRequest, step: Step, region: Region) -> bool:
    """Say whether the button of a step leads the visitor anywhere."""
    if step.role:
        return rules.may_appoint(request.user, step.role, region)
    return any(rules.can(request.user, action, region) for action in step.actions)


def _above(request: HttpRequest, region: Region) -> Region | None:
    """Return the widest place above that the visitor sees."""
    paths = paths_up(region.path)[1:]
    seen = rules.regions_where(request.user, KEEP_OFFICE) | rules.regions_where(request.user, GRANT_ROLE)
    return seen.filter(path__in=paths, is_active=True).order_by("path").first()


def _overview(request: HttpRequest, region: Region) -> HttpResponse:
    steps = all_steps()
    villages = selectors.foundings(selectors.places_in(region, Region.Level.VILLAGE), region)
    lacks = read_text(request.GET.get("lacks"), 20)
    known = {step.key for step in steps}
    shown = [
        item
        for item in villages
        if lacks not in known or any(standing.step.key == lacks and not standing.stands for standing in item.standings)
    ]
    counts = [
        (step, sum(1 for item in villages if not item.standings[number].stands)) for number, step in enumerate(steps)
    ]
    context = {
        "region": region,
        "may_keep": rules.can(request.user, KEEP_OFFICE, region),
        "counts": [(step, count) for step, count in counts if step.needed and (count or step.key == lacks)],
        "may_follow": [(step, count) for step, count in counts if not step.needed and (count or step.key == lacks)],
        "lacks": lacks if lacks in known else "",
        "total": len(villages),
        "opened": sum(1 for item in villages if item.is_open),
        "ready": sum(1 for item in villages if item.is_ready and not item.is_open),
        "page": Paginator(shown, ROWS).get_page(read_page(request.GET.get("page"))),
    }
    return render(request, "villages/overview.html", context)


def _form_page(request: HttpRequest, region: Region, form: Any, title: str, lead: str, submit: str) -> HttpResponse:
    context = {"region": region, "form": form, "title": title, "lead": lead, "submit": submit}
    return render(request, "villages/form.html", context, status=form.status if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def office(request: HttpRequest, place: int) -> HttpResponse:
    """Say when the office is open and which telephone helps."""
    region = _place(request, place, KEEP_OFFICE)
    now = Office.objects.filter(region=region).first()
    initial = {"opening_hours": now.opening_hours, "help_phone": now.help_phone} if now else None
    form = OfficeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_office(region=region, actor=_person(request), **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved. It is on every page of the residents now."))
            return redirect("villages:founding", place=place)
    title, lead = _("Opening hours and help telephone"), _("Shown to the residents of this place and all below it.")
    return _form_page(request, region, form, title, lead, _("Save"))


@never_cache
@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
@reads_people("read_name")
def appoint(request: HttpRequest, place: int, role: str) -> HttpResponseBase:
    """Give somebody a role here: shown with a masked name and asked about once, or new with a first sign-in."""
    region = _place(request, place, GRANT_ROLE)
    if not roles.is_role(role) or not rules.may_appoint(request.user, role, region):
        raise Http404
    form = AppointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            if _appoint(request, form, region, role):
                messages.success(request, _("The role holds from now on."))
                return redirect("villages:founding", place=place)
        except DomainError as error:
            form.refuse(error)
    note_read(request, form.shown())
    ask = ""
    if form.question:
        ask = _("Give %(role)s to %(name)s, of %(place)s?") % {**form.question, "role": roles.label_of(role)}
    again = reverse("villages:appoint", args=[region.pk, role])
    context = {
        "region": region,
        "form": form,
        "title": roles.label_of(role),
        "lead": _("One person, one office."),
        "submit": _("Give the role"),
        "ask": ask,
        "again": again,
    }
    return render(request, "villages/form.html", context, status=form.status if form.errors else 200)


def _appoint(request: HttpRequest, form: AppointForm, region: Region, role: str) -> bool:
    """Do what was agreed to; False when the person has to be asked about first."""
    actor, data = _person(request), form.cleaned_data
    try:
        user = form.look_up(actor=actor, within=rules.regions_where(actor, GRANT_ROLE))
    except NobodySignsIn:
        if not (data["full_name"] and data["password"]):
            raise

        def create() -> RoleGrant:  # raises where the number is somebody's: counted by ``look_up``
            return services.appoint(
                region=region,
                role=role,
                name=data["full_name"],
                phone=data["phone"],
                password=data["password"],
                actor=actor,
            )

    else:
        if not form.is_agreed:
            return False

        def create() -> RoleGrant:
            return grant_role(user=user, role=role, region=region, actor=actor)

    form.once(actor=actor, scope=f"appoint:{region.pk}:{role}", create=create)
    return True


@login_required
@require_POST
def open_(request: HttpRequest, place: int) -> HttpResponse:
    """Open a village that has what it needs."""
    region = _place(request, place, *SEEING)
    try:
        services.open_village(region=region, actor=_person(request))
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(village)s is open.") % {"village": region})
    return redirect("villages:founding", place=place)
