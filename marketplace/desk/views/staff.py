"""Who has which role here."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.desk.forms import HandOverForm, RoleForm
from marketplace.desk.scope import desk, to
from marketplace.desk.tiles import open_work
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.registry import services
from timebank.registry.errors import OfficeEnded
from timebank.registry.models import RoleGrant
from timebank.registry.reads import note_read, reads_people
from timebank.registry.roles import REGION, label_of, specs
from timebank.registry.rules import GRANT_ROLE, may_appoint, may_reset_password, read_grants, regions_where
from timebank.registry.selectors import staff_of
from timebank.registry.services.handover import devices_of, hand_over_office, personal_work


@require_http_methods(["GET", "POST"])
@desk(GRANT_ROLE)
@reads_people("read_name")
def staff(request: HttpRequest) -> HttpResponseBase:
    """Show who has which role, and give one."""
    scope = request.scope  # type: ignore[attr-defined]
    roles = [
        (spec.key, spec.label)
        for spec in specs()
        if spec.scope == REGION and may_appoint(request.user, spec.key, scope.region)
    ]
    form = RoleForm(posted(request), roles=roles)
    if request.method == "POST" and form.is_valid():
        try:
            user = form.look_up(actor=person(request), within=regions_where(request.user, GRANT_ROLE))
            if form.is_agreed:
                form.once(
                    actor=request.user,
                    scope=f"grant_role:{scope.region.pk}",
                    create=lambda: services.grant_role(
                        user=user, role=form.cleaned_data["role"], actor=person(request), region=scope.region
                    ),
                )
                messages.success(request, _("The role holds from now on."))
                return to(request, "desk:staff")
        except DomainError as error:
            form.refuse(error)
    note_read(request, form.shown())
    ask = ""
    if form.question:
        ask = _("Give %(role)s to %(name)s, of %(place)s?") % {
            **form.question,
            "role": label_of(form.cleaned_data["role"]),
        }
    rows = staff_of(scope.region)
    headers = (_("Name"), _("Role"), _("Area"), _("Since"))
    file = as_file(
        request,
        "staff",
        headers,
        rows,
        lambda item: (item.user.name, item.get_role_display(), item.region.short_name, item.granted_at),
    )
    if file is not None:
        return file
    page = page_of(request, rows)
    # Each name once: a user object for every row would be asked about its roles for every row.
    people = {grant.user_id: grant.user for grant in page}
    read_grants(people.values())
    shown = [
        (
            grant,
            may_appoint(request.user, grant.role, grant.region),
            may_reset_password(request.user, people[grant.user_id]),
        )
        for grant in page
    ]
    return render(
        request,
        "desk/staff.html",
        {"scope": scope, "form": form, "ask": ask, "page": page, "rows": shown, "roles": roles},
        status=form.status if form.errors else 200,
    )


def _grant(request: HttpRequest, pk: int) -> RoleGrant:
    """Return a live role that this person may give and end; 404 elsewhere."""
    live = RoleGrant.objects.select_related("region", "user").filter(ended_at__isnull=True, region__isnull=False)
    grant = get_object_or_404(live, pk=pk)
    if not may_appoint(request.user, grant.role, grant.region):  # type: ignore[arg-type]
        raise Http404
    return grant


@require_http_methods(["GET", "POST"])
@desk(GRANT_ROLE)
@reads_people("read_name")
def hand_over(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let an office change hands: what is open, who comes after, and one yes for all of it."""
    form = HandOverForm(posted(request))
    if request.method == "POST" and form.is_valid():
        done = _hand_over(request, form, pk)
        if done is not None:
            return done
    grant = _grant(request, pk)
    note_read(request, form.shown())
    ask = ""
    if form.question:
        ask = _("Shall %(name)s, of %(place)s, have this office from now on: %(role)s?") % {
            **form.question,
            "role": grant.get_role_display(),
        }
    context = {
        "scope": request.scope,  # type: ignore[attr-defined]
        "grant": grant,
        "form": form,
        "ask": ask,
        "waiting": open_work(grant, request.user),
        "passing": personal_work(grant),
        "devices": devices_of(grant),
    }
    return render(request, "desk/hand_over.html", context, status=form.status if form.errors else 200)


def _hand_over(request: HttpRequest, form: HandOverForm, pk: int) -> HttpResponseBase | None:
    """Do what was agreed to; None when the page has to be shown (again). Sent twice, the second finds it done."""
    try:
        grant = RoleGrant.objects.filter(pk=pk, region__isnull=False).select_related("region").first()
        if grant is None or not may_appoint(request.user, grant.role, grant.region):  # type: ignore[arg-type]
            raise Http404
        successor = form.look_up(actor=person(request), within=regions_where(request.user, GRANT_ROLE))
        if not form.is_agreed:
            return None
        form.once(
            actor=request.user,
            scope=f"hand_over_office:{pk}",
            create=lambda: hand_over_office(
                grant=grant, successor=successor, actor=person(request), reason=form.cleaned_data["reason"]
            ),
        )
    except OfficeEnded as error:
        messages.error(request, str(error))
        return to(request, "desk:staff")
    except DomainError as error:
        form.refuse(error)
        return None
    messages.success(request, _("The office has changed hands. Both have been told."))
    return to(request, "desk:staff")


@require_POST
@desk(GRANT_ROLE)
def end_role(request: HttpRequest, pk: int) -> HttpResponseBase:
    """End a role."""
    grant = _grant(request, pk)
    services.end_role(grant=grant, actor=person(request))
    messages.success(request, _("The role has ended."))
    return to(request, "desk:staff")
