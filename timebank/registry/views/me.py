"""我的: one's own particulars, helpers, data."""

from __future__ import annotations

import json

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from timebank.common.errors import DomainError
from timebank.common.limits import Limit, limited
from timebank.common.sheets.writing import csv_response
from timebank.ledger import selectors as ledger_read
from timebank.registry import selectors, services
from timebank.registry.errors import NotAllowed
from timebank.registry.exports import export_of
from timebank.registry.forms import HelperForm, LeaveForm, PasswordForm, ProfileForm
from timebank.registry.models import HelperRequest, Proxy, Region, Resident, User
from timebank.registry.people_forms import POOL, heirs
from timebank.registry.reads import note_read, reads_people
from timebank.registry.services.residents import kin_of

TAKING = Limit("own data as a file", 20, 3600)


def own_resident(request: HttpRequest) -> Resident:
    """Return the resident who is signed in, or 404."""
    resident = selectors.resident_of(request.user)
    if resident is None:
        raise Http404
    return resident


@login_required
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """Everything about oneself in one place."""
    resident = selectors.resident_of(request.user)
    facts = []
    if resident is not None:
        facts = [(_("Village"), resident.village), (_("Volunteer number"), resident.volunteer_number)]
        if resident.phone:
            facts.append((_("Mobile number"), resident.phone))
        if resident.household is not None:
            facts.append((_("House number"), resident.household.number))
    return render(
        request,
        "registry/me.html",
        {"resident": resident, "facts": facts, "Status": Resident.Status},
    )


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Change what one may change oneself; name and household are the village's to change."""
    resident = own_resident(request)
    fields = ("emergency_contact", "on_honour_roll")
    form = ProfileForm(request.POST or None, initial={name: getattr(resident, name) for name in fields})
    if request.method == "POST" and form.is_valid():
        try:
            services.correct_resident(resident=resident, actor=_user(request), **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("registry:me")
    return render(
        request, "registry/profile.html", {"form": form, "resident": resident}, status=422 if form.errors else 200
    )


@login_required
@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; other devices are signed out."""
    user = _user(request)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        services.change_password(user=user, password=form.cleaned_data["new"])
        update_session_auth_hash(request, user)
        messages.success(request, _("The new password holds from now on."))
        return redirect("registry:me")
    return render(request, "registry/password.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@reads_people("read_name")
def helpers(request: HttpRequest) -> HttpResponseBase:
    """See who may act for me; add one, once they were shown; the list ends one."""
    resident = own_resident(request)
    form = HelperForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # Kin are found in one's own town by number alone, elsewhere by number and name.
        town = Region.objects.filter(path__startswith=resident.village.path[: -Region.steplen])
        try:
            helper = form.look_up(actor=_user(request), within=town)
            if form.is_agreed:
                form.once(
                    actor=request.user,
                    scope=f"ask_helper:{resident.pk}",
                    create=lambda: services.ask_helper(
                        resident=resident, helper=helper, relation=form.cleaned_data["relation"], actor=_user(request)
                    ),
                )
                messages.success(request, _("Asked. The helper may act for you as soon as they agree."))
                return redirect("registry:helpers")
        except DomainError as error:
            if error.field == "helper":
                error.field = "phone"
            form.refuse(error)
    note_read(request, form.shown())
    return render(
        request,
        "registry/helpers.html",
        {
            "form": form,
            "ask": _("Ask %(name)s, of %(place)s, to help you?") % form.question if form.question else "",
            "helpers": selectors.helpers_of(resident),
            "asked": selectors.helper_requests_of(resident),
        },
        status=form.status if form.errors else 200,
    )


@login_required
@require_POST
def answer_helper(request: HttpRequest, pk: int) -> HttpResponse:
    """Agree to a helper, or to be one; or decline."""
    asked = get_object_or_404(HelperRequest, pk=pk)
    agree = "agree" in request.POST
    try:
        services.answer_helper_request(request=asked, actor=_user(request), agree=agree)
    except NotAllowed:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("You have agreed.") if agree else _("Declined. Nobody acts for anybody."))
    return redirect("registry:acting" if asked.helper_id == request.user.pk else "registry:helpers")


@login_required
@require_POST
def end_helper(request: HttpRequest, pk: int) -> HttpResponse:
    """End a helper's power: mine over others, or another's over me."""
    proxy = get_object_or_404(Proxy.objects.select_related("resident").filter(until__isnull=True), pk=pk)
    try:
        services.end_proxy(proxy=proxy, actor=_user(request))
    except NotAllowed:
        raise Http404 from None
    messages.success(request, _("Ended. This person can no longer act here."))
    return redirect("registry:acting" if proxy.helper_id == request.user.pk else "registry:helpers")


@login_required
@require_GET
@limited(TAKING)
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """Give a person everything that is kept about them, as JSON or as a table."""
    resident = own_resident(request)
    if form not in {"json", "csv"}:
        raise Http404
    services.record_audit(
        actor=_user(request), action="export", subject=f"resident:{resident.pk}", region=resident.village
    )
    data = export_of(resident)
    if form == "csv":
        rows = (
            (section, number, name, value)
            for section, entries in data.items()
            for number, entry in enumerate(entries, 1)
            for name, value in entry.items()
        )
        return csv_response("shanji-my-data", ("section", "number", "field", "value"), rows)
    response = HttpResponse(
        json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2),
        content_type="application/json; charset=utf-8",
    )
    response["Content-Disposition"] = 'attachment; filename="shanji-my-data.json"'
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
def leave(request: HttpRequest) -> HttpResponse:
    """Take consent back and leave; the account closes and the data is archived."""
    resident = own_resident(request)
    if resident.status == Resident.Status.CLOSED:
        raise PermissionDenied
    kin = kin_of(resident)
    left = ledger_read.balance_of(resident.wallet_key).spendable
    form = LeaveForm(request.POST or None, heirs=heirs(kin) if left else ())
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data.get("points_to", "")
        services.withdraw_consent(
            resident=resident,
            actor=_user(request),
            reason=form.cleaned_data["reason"],
            heir=next((relative for relative in kin if str(relative.pk) == chosen), None),
            to_pool=chosen == POOL,
        )
        logout(request)
        messages.success(request, _("Your account is closed and your consent is withdrawn. Thank you for every hour."))
        return redirect("registry:sign_in")
    context = {"form": form, "left": left}
    return render(request, "registry/leave.html", context, status=422 if form.errors else 200)


def _user(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user
