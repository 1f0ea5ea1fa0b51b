"""What residents ask to be put right, and households."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.registry.models import (
    CorrectionRequest,
    Household,
)
from timebank.registry.people_forms import (
    AnswerForm,
    CorrectionForm,
    HouseholdForm,
)
from timebank.registry.rules import REGISTER_RESIDENT
from timebank.registry.services import corrections, households
from timebank.registry.views.me import _user, own_resident
from timebank.registry.views.people.common import form_page, page_of, person_for, place_for, sent


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def my_correction(request: HttpRequest) -> HttpResponseBase:
    """Say what is wrong in one's own particulars, and see what the village answered."""
    resident = own_resident(request)
    form = CorrectionForm(sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            corrections.ask_correction(resident=resident, actor=_user(request), text=form.cleaned_data["text"])
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Your request is on its way to the village office."))
            return redirect("registry:my_correction")
    mine = resident.correction_requests.order_by("-created_at")[:20]
    return render(
        request, "registry/my_correction.html", {"form": form, "mine": mine}, status=422 if form.errors else 200
    )


@never_cache
@login_required
@require_GET
def correction_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List what residents ask to have corrected, the open ones first."""
    region = place_for(request, place, REGISTER_RESIDENT)
    rows = (
        CorrectionRequest.objects.filter(resident__village__path__startswith=region.path)
        .select_related("resident__village")
        .order_by("status", "-created_at")
    )
    return render(request, "registry/corrections.html", {"region": region, "page": page_of(request, rows)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def correction(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Answer a correction request."""
    asked = CorrectionRequest.objects.select_related("resident__village").filter(pk=pk).first()
    if asked is None:
        raise Http404
    resident = person_for(request, asked.resident_id, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        done = data["done"] == "yes"
        corrections.answer_correction(request=asked, done=done, answer=data["answer"], actor=_user(request))
        return _("Answered.")

    return form_page(
        request,
        resident=resident,
        form=AnswerForm(sent(request)),
        title=_("Correction asked for"),
        lead=asked.text,
        submit=_("Answer"),
        do=do,
        back=reverse("registry:corrections", args=[resident.village_id]),
    )


@never_cache
@login_required
@require_GET
def household_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List the households of a village with their members."""
    region = place_for(request, place, REGISTER_RESIDENT)
    rows = Household.objects.filter(region=region).select_related("head").prefetch_related("members").order_by("number")
    return render(request, "registry/households.html", {"region": region, "page": page_of(request, rows)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def household(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a resident join a household, leave it, or head it."""
    resident = person_for(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        changed = households.set_household(resident=resident, number=data["number"], actor=_user(request))
        if changed.household is not None and data["head"]:
            households.set_head(household=changed.household, resident=changed, actor=_user(request))
        return _("Saved.")

    number = resident.household.number if resident.household else ""
    is_head = resident.household is not None and resident.household.head_id == resident.pk
    return form_page(
        request,
        resident=resident,
        form=HouseholdForm(sent(request), initial={"number": number, "head": is_head}),
        title=_("Household"),
        lead=_("Who lives together verifies none of the other's hours."),
        submit=_("Save"),
        do=do,
        back=reverse("registry:households", args=[resident.village_id]),
    )
