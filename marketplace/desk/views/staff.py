"""Who has which role here."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.desk.forms import RoleForm
from marketplace.desk.scope import desk, to
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.registry import services
from timebank.registry.models import RoleGrant, User
from timebank.registry.roles import REGION, specs
from timebank.registry.rules import GRANT_ROLE, may_appoint, may_reset_password, read_grants
from timebank.registry.selectors import staff_of


@require_http_methods(["GET", "POST"])
@desk(GRANT_ROLE)
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
            user = User.objects.filter(phone=form.cleaned_data["phone"], is_active=True).first()
            if user is None:
                form.add_error("phone", _("Nobody here signs in with this number."))
            else:
                form.once(
                    actor=request.user,
                    scope=f"grant_role:{scope.region.pk}",
                    create=lambda: services.grant_role(
                        user=user, role=form.cleaned_data["role"], actor=person(request), region=scope.region
                    ),
                )
        except DomainError as error:
            form.refuse(error)
        if not form.errors:
            messages.success(request, _("The role holds from now on."))
            return to(request, "desk:staff")
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
        {"scope": scope, "form": form, "page": page, "rows": shown, "roles": roles},
        status=422 if form.errors else 200,
    )


@require_POST
@desk(GRANT_ROLE)
def end_role(request: HttpRequest, pk: int) -> HttpResponseBase:
    """End a role."""
    grant = get_object_or_404(
        RoleGrant.objects.select_related("region", "user"), pk=pk, ended_at__isnull=True, region__isnull=False
    )
    if not may_appoint(request.user, grant.role, grant.region):  # type: ignore[arg-type]
        raise Http404
    services.end_role(grant=grant, actor=person(request))
    messages.success(request, _("The role has ended."))
    return to(request, "desk:staff")
