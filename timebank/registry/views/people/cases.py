"""What needs a second person: death and leaving with points."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.ledger import selectors as ledger_read
from timebank.registry import merging, rules, selectors
from timebank.registry.models import (
    Resident,
    ResidentCase,
)
from timebank.registry.people_forms import (
    DeathForm,
)
from timebank.registry.rules import CONFIRM_RESIDENT, REGISTER_RESIDENT
from timebank.registry.services import cases
from timebank.registry.services.residents import kin_of
from timebank.registry.views.me import _user
from timebank.registry.views.people.common import form_page, page_of, person_for, place_for, sent

ROWS = 50


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def death(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Report that a resident has died."""
    resident = person_for(request, pk, REGISTER_RESIDENT)
    kin = kin_of(resident)

    def do(data: dict[str, Any]) -> str:
        heir = next((relative for relative in kin if str(relative.pk) == data["heir"]), None)
        cases.propose_death(
            resident=resident, died_on=data["died_on"], heir=heir, reason=data["reason"], actor=_user(request)
        )
        return _("Reported. A second person confirms it; then the account closes and nothing is sent any more.")

    return form_page(
        request,
        resident=resident,
        form=DeathForm(sent(request), kin=kin),
        title=_("Death of a resident"),
        lead=_("The points go to the family or to the village's pool. A second person confirms it."),
        submit=_("Report"),
        do=do,
        kind="danger",
    )


@never_cache
@login_required
@require_GET
def case_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List the cases of a place and all below it."""
    region = place_for(request, place, REGISTER_RESIDENT, CONFIRM_RESIDENT)
    rows = (
        ResidentCase.objects.filter(resident__village__path__startswith=region.path)
        .select_related("resident__village", "other", "proposed_by")
        .order_by("-proposed_at", "-pk")
    )
    waiting = (
        Resident.objects.filter(
            village__path__startswith=region.path, status=Resident.Status.ACTIVE, confirmed_at__isnull=True
        )
        .exclude(registered_by=_user(request))
        .select_related("village", "registered_by")
        .order_by("-created_at", "-pk")
    )
    may_confirm = rules.can(request.user, CONFIRM_RESIDENT, region)
    return render(
        request,
        "registry/cases.html",
        {
            "region": region,
            "page": page_of(request, rows),
            "waiting": waiting[:ROWS] if may_confirm else [],
            "papers": selectors.helper_papers(region, _user(request))[:ROWS] if may_confirm else [],
        },
    )


@login_required
@require_GET
def my_cases(request: HttpRequest) -> HttpResponse:
    """Go to the cases of the first place where this person is asked."""
    region = rules.regions_where(request.user, CONFIRM_RESIDENT).filter(is_active=True).order_by("path").first()
    if region is None:
        raise Http404
    return redirect("registry:cases", place=region.pk)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def case(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show all that would happen, and let the second person decide."""
    shown = (
        ResidentCase.objects.select_related("resident__village", "other__village", "proposed_by", "decided_by")
        .filter(pk=pk)
        .first()
    )
    if shown is None:
        raise Http404
    person_for(request, shown.resident_id, REGISTER_RESIDENT, CONFIRM_RESIDENT)
    if request.method == "POST":
        agreed = request.POST.get("decision") == "agree"
        if not agreed and request.POST.get("decision") != "refuse":
            return redirect("registry:case", pk=pk)
        try:
            cases.decide_case(case=shown, agreed=agreed, actor=_user(request))
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            messages.error(request, str(error))
        else:
            messages.success(request, _("Done.") if agreed else _("Refused."))
        return redirect("registry:case", pk=pk)
    open_case = shown.status == ResidentCase.Status.PROPOSED
    return render(
        request,
        "registry/case.html",
        {
            "case": shown,
            "balance": ledger_read.balance_of(shown.resident.wallet_key),
            "belongings": merging.preview(shown.resident) if open_case and shown.kind == "merge" else [],
            "may_decide": open_case and cases.may_decide(_user(request), shown),
            "open": open_case,
        },
    )
