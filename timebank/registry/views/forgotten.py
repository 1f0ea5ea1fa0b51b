"""A forgotten password: the number, then a code from its text message and a new password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.common.limits import address_of
from timebank.registry.account_forms import ForgottenForm, NewPasswordForm
from timebank.registry.models import PasswordCode
from timebank.registry.navigation import start_url
from timebank.registry.services import forgotten as service
from timebank.registry.services.text_codes import text_sender

ASKED = "password_code"  # the session's key for which wish this browser has


@never_cache
@sensitive_post_parameters("phone")
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a code; the same answer whoever has the number. Without text messages: how the office helps."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        phone, address = form.cleaned_data["phone"], address_of(request)
        try:
            row = form.once(
                actor="", scope="password_code", create=lambda: service.ask_password_code(phone=phone, address=address)
            ).result
        except DomainError as error:
            form.refuse(error)
        else:
            request.session[ASKED] = row.pk
            return redirect("registry:forgotten_code")
    context = {"form": form, "by_text": text_sender() is not None}
    return render(request, "registry/forgotten.html", context, status=422 if form.errors else 200)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def forgotten_code(request: HttpRequest) -> HttpResponse:
    """Take the code and the new password, and let the person in; a second factor is asked for as ever."""
    row = PasswordCode.objects.filter(pk=request.session.get(ASKED)).first()
    if row is None:
        return redirect("registry:forgotten")
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = service.set_password_by_code(
                row=row, code=data["code"], password=data["new"], address=address_of(request)
            )
        except DomainError as error:
            form.refuse(error)
        else:
            request.session.pop(ASKED, None)
            login(request, user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
            messages.success(request, _("The new password holds from now on. Everywhere else you are signed out."))
            return redirect(start_url(request))
    context = {"form": form, "phone": row.phone}
    return render(request, "registry/forgotten_code.html", context, status=422 if form.errors else 200)
