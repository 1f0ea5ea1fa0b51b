"""Who has which role here."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.desk.forms import RoleForm
from marketplace.desk.scope import desk, to
from marketplace.desk.tiles import open_work
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_text
from timebank.registry import services
from timebank.registry.account_forms import SuccessorForm
from timebank.registry.appointing import masked_name, place_of
from timebank.registry.errors import OfficeEnded
from timebank.registry.models import RoleGrant, SuccessorProposal
from timebank.registry.reads import note_read, reads_people
from timebank.registry.roles import REGION, label_of, specs
from timebank.registry.rules import GRANT_ROLE, may_appoint, may_reset_password, read_grants, regions_where
from timebank.registry.selectors import resident_of, staff_of
from timebank.registry.services.handover import devices_of, hand_over_office, personal_work
from timebank.registry.services.succession import decline_proposal, open_proposal, place_of_grant


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


def _grant(request: HttpRequest, pk: int, *, live: bool = True) -> RoleGrant:
    """Return a role that this person may give and end, in a place or at an organisation; 404 elsewhere."""
    rows = RoleGrant.objects.select_related("region", "organisation__region", "user")
    grant = get_object_or_404(rows.filter(ended_at__isnull=True) if live else rows, pk=pk)
    if not may_appoint(request.user, grant.role, place_of_grant(grant)):
        raise Http404
    return grant


@require_http_methods(["GET", "POST"])
@desk(GRANT_ROLE)
@reads_people("read_name")
def hand_over(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let an office change hands: what is open, who comes after, and one yes for all of it."""
    answered = bool({"accept", "decline"} & request.POST.keys())
    form = SuccessorForm(None if answered else posted(request))
    if request.method == "POST" and (answered or form.is_valid()):
        done = _answer(request, pk) if answered else _hand_over(request, form, pk)
        if done is not None:
            return done
    grant = _grant(request, pk, live=False)
    if grant.ended_at is not None:  # a message leads here, also when somebody else was quicker
        messages.info(request, str(OfficeEnded()))
        return to(request, "desk:staff")
    proposal = open_proposal(grant)
    named = [] if proposal is None else [resident_of(proposal.successor)]
    note_read(request, [*form.shown(), *(resident for resident in named if resident is not None)])
    ask = ""
    if form.question:
        ask = _("Shall %(name)s, of %(place)s, have this office from now on: %(role)s?") % {
            **form.question,
            "role": grant.get_role_display(),
        }
    context = {
        "scope": request.scope,  # type: ignore[attr-defined]
        "grant": grant,
        "proposal": proposal,
        "proposed": {"name": masked_name(proposal.successor.name), "place": place_of(proposal.successor) or ""}
        if proposal
        else {},
        "may_answer": grant.user_id != request.user.pk,
        "form": form,
        "ask": ask,
        "waiting": open_work(grant, request.user),
        "passing": personal_work(grant),
        "devices": devices_of(grant),
    }
    return render(request, "desk/hand_over.html", context, status=form.status if form.errors else 200)


def _answer(request: HttpRequest, pk: int) -> HttpResponseBase | None:
    """Say yes or no to whom the holder proposed: the proposal that the page showed, no other."""
    grant = _grant(request, pk, live=False)
    shown = read_id(request.POST.get("proposal"), 0)
    proposal = SuccessorProposal.objects.filter(pk=shown, grant=grant).select_related("successor").first()
    if proposal is None:
        raise Http404
    if proposal.answered_at is not None:
        messages.info(request, _("This proposal has been answered already."))
        return to(request, "desk:staff")
    try:
        if "accept" in request.POST:
            hand_over_office(grant=grant, successor=proposal.successor, actor=person(request), reason=proposal.reason)
            messages.success(request, _("The office has changed hands. Both have been told."))
        else:
            decline_proposal(grant=grant, actor=person(request), reason=read_text(request.POST.get("why"), 200))
            messages.success(request, _("Declined: the holder keeps the office and has been told."))
    except DomainError as error:
        messages.error(request, str(error))
        return None
    return to(request, "desk:staff")


def _hand_over(request: HttpRequest, form: SuccessorForm, pk: int) -> HttpResponseBase | None:
    """Do what was agreed to; None when the page has to be shown (again). Sent twice, the second finds it done."""
    try:
        grant = _grant(request, pk, live=False)
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
