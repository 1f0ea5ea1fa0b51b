"""One's own offices: what one holds, and whom one proposes to come after."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.registry.account_forms import SuccessorForm
from timebank.registry.appointing import masked_name
from timebank.registry.models import Region, RoleGrant
from timebank.registry.reads import note_read, reads_people
from timebank.registry.selectors import offices_of
from timebank.registry.services import succession
from timebank.registry.views.me import _user


@never_cache
@login_required
@require_GET
def offices(request: HttpRequest) -> HttpResponse:
    """List the offices that the visitor holds."""
    return render(request, "registry/offices.html", {"offices": offices_of(_user(request))})


def _own(request: HttpRequest, pk: int) -> RoleGrant:
    grant = RoleGrant.objects.filter(pk=pk, user=_user(request), ended_at=None)
    row = grant.select_related("region", "organisation__region").first()
    if row is None:
        raise Http404
    return row


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
@reads_people("read_name")
def office(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Propose who comes after: named by number, shown with a masked name, asked about once; or take it back."""
    grant, user = _own(request, pk), _user(request)
    if "withdraw" in request.POST:
        succession.withdraw_proposal(grant=grant, actor=user)
        messages.success(request, _("Taken back: you keep the office."))
        return redirect("registry:office", pk=pk)
    form = SuccessorForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        within = Region.objects.filter(path__startswith=succession.place_of_grant(grant).path)
        try:
            successor = form.look_up(actor=user, within=within)
            if form.is_agreed:
                form.once(
                    actor=user,
                    scope=f"propose_successor:{pk}",
                    create=lambda: succession.propose_successor(
                        grant=grant, successor=successor, actor=user, reason=form.cleaned_data["reason"]
                    ),
                )
                messages.success(request, _("Proposed. You keep the office until somebody who appoints says yes."))
                return redirect("registry:office", pk=pk)
        except DomainError as error:
            form.refuse(error)
    note_read(request, form.shown())
    proposal = succession.open_proposal(grant)
    ask = ""
    if form.question:
        ask = _("Propose %(name)s, of %(place)s, to come after you?") % form.question
    context = {
        "grant": grant,
        "form": form,
        "ask": ask,
        "proposal": proposal,
        "named": masked_name(proposal.successor.name) if proposal else "",
    }
    return render(request, "registry/office.html", context, status=form.status if form.errors else 200)
