"""The village office and one person: sign-in, move, confirmation, helpers, two registrations made one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.registry import merging, rules, selectors, services
from timebank.registry.models import (
    HelperRequest,
    User,
)
from timebank.registry.people_forms import (
    MergeForm,
    MoveForm,
    SignInForPersonForm,
)
from timebank.registry.reads import note_read, reads_people
from timebank.registry.rules import CONFIRM_RESIDENT, REGISTER_RESIDENT, may_reset_password
from timebank.registry.services import cases, confirmation, moves, proxies, second_factor
from timebank.registry.views.me import _user
from timebank.registry.views.people.common import form_page, person_for, sent


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def reset_password(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give somebody who forgot their password a new one for one sign-in; it is shown once, on this page."""
    user = get_object_or_404(User, pk=pk)
    if not may_reset_password(request.user, user):
        raise Http404
    password, refusal = "", ""
    if request.method == "POST":
        try:
            password = services.reset_password(user=user, actor=_user(request))
        except DomainError as error:
            refusal = str(error)
    factor = second_factor.has_factor(user)
    context = {"person": user, "password": password, "refusal": refusal, "factor": factor}
    return render(request, "registry/reset_password.html", context, status=409 if refusal else 200)


@login_required
@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm as the second person that a registered resident is there."""
    resident = person_for(request, pk, CONFIRM_RESIDENT)
    try:
        confirmation.confirm_resident(resident=resident, actor=_user(request))
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s is confirmed.") % {"name": resident.name})
    return redirect("registry:cases", place=resident.village_id)


@login_required
@require_POST
def confirm_helper(request: HttpRequest, pk: int) -> HttpResponse:
    """Say as the second person that somebody without a sign-in has signed for a helper on paper."""
    asked = HelperRequest.objects.select_related("resident__village").filter(pk=pk).first()
    if asked is None or not rules.can(request.user, CONFIRM_RESIDENT, asked.resident.village):
        raise Http404
    try:
        proxies.confirm_helper_paper(request=asked, actor=_user(request))
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(str(error)) from error
        messages.error(request, str(error))
    else:
        messages.success(request, _("Noted. The helper may act once both sides have agreed."))
    return redirect("registry:cases", place=asked.resident.village_id)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let a resident move to another village."""
    resident = person_for(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        moves.move_resident(resident=resident, actor=_user(request), **data)
        return _("%(name)s lives in %(village)s from today.") % {"name": resident.name, "village": data["village"]}

    return form_page(
        request,
        resident=resident,
        form=MoveForm(sent(request)),
        title=_("Move to another village"),
        lead=_("Number, hours and points stay the same; only the village changes."),
        submit=_("Move"),
        do=do,
        back=reverse("registry:cases", args=[resident.village_id]),
    )


@never_cache
@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
@reads_people("read_resident")
def give_sign_in(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give a person registered on paper a sign-in."""
    resident = person_for(request, pk, REGISTER_RESIDENT)
    note_read(request, [resident])

    def do(data: dict[str, Any]) -> str:
        moves.give_sign_in(resident=resident, actor=_user(request), **data)
        return _("%(name)s can sign in with this number now.") % {"name": resident.name}

    return form_page(
        request,
        resident=resident,
        form=SignInForPersonForm(sent(request), initial={"phone": resident.phone}),
        title=_("Give a sign-in"),
        lead=_("The same person, card and points; now also on the phone."),
        submit=_("Give the sign-in"),
        do=do,
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def merge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Propose that this registration and another are one person."""
    resident = person_for(request, pk, REGISTER_RESIDENT)

    def do(data: dict[str, Any]) -> str:
        stays = selectors.resident_by_number(data["number"])
        if stays is None or not rules.can(request.user, REGISTER_RESIDENT, stays.village):
            raise cases.DifferentPeople(field="number")
        cases.propose_merge(resident=resident, into=stays, reason=data["reason"], actor=_user(request))
        return _("Proposed. A second person looks at it and decides.")

    return form_page(
        request,
        resident=resident,
        form=MergeForm(sent(request)),
        title=_("Registered twice"),
        lead=_("Everything of this registration goes to the other number. A second person decides; it is final."),
        submit=_("Propose"),
        do=do,
        facts=merging.preview(resident),
        kind="danger",
    )
