"""Changing the mobile number by which one signs in: the password, then a code that was sent to the new number."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from timebank.common.errors import DomainError
from timebank.common.limits import address_of
from timebank.registry import sessions
from timebank.registry.account_forms import PhoneForm, TextCodeForm
from timebank.registry.middleware import ask
from timebank.registry.models import PhoneChange
from timebank.registry.services import phones
from timebank.registry.services.text_codes import text_sender
from timebank.registry.views.me import _user

SHOWN = 20


@never_cache
@sensitive_post_parameters("phone")
@login_required
@require_http_methods(["GET", "POST"])
def phone(request: HttpRequest) -> HttpResponse:
    """Ask for another number, or read where it is changed; the numbers so far."""
    user = _user(request)
    by_text = text_sender() is not None
    if by_text and request.method == "GET" and sessions.read(request).is_stale:
        return ask(request, idle=False)
    form = PhoneForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = phones.ask_phone_change(user=user, phone=form.cleaned_data["phone"], address=address_of(request))
        except DomainError as error:
            form.refuse(error)
        else:
            return redirect("registry:phone_code", pk=row.pk)
    done = PhoneChange.objects.filter(user=user, done_at__isnull=False).select_related("done_by")
    context = {"form": form, "by_text": by_text, "changes": done.order_by("-done_at", "-pk")[:SHOWN]}
    return render(request, "registry/phone.html", context, status=422 if form.errors else 200)


@never_cache
@sensitive_post_parameters("code")
@login_required
@require_http_methods(["GET", "POST"])
def phone_code(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the code; everywhere else the person is signed out."""
    user = _user(request)
    change = get_object_or_404(PhoneChange, pk=pk, user=user)
    if change.done_at is not None:
        return redirect("registry:phone")
    form = TextCodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            changed = phones.confirm_phone_change(change=change, user=user, code=form.cleaned_data["code"])
        except DomainError as error:
            form.refuse(error)
        else:
            update_session_auth_hash(request, changed)
            messages.success(
                request, _("You sign in with the new number from now on. Everywhere else you are signed out.")
            )
            return redirect("registry:phone")
    context = {"form": form, "change": change}
    return render(request, "registry/phone_code.html", context, status=422 if form.errors else 200)
