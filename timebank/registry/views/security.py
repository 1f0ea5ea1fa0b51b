"""One's own sign-in: second factor, codes on paper, PIN, device, signing out everywhere; and helping others with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_page, read_text
from timebank.registry import ids, rules, selectors, sessions
from timebank.registry.account_forms import CodeForm, ReasonForm
from timebank.registry.forms import PinForm
from timebank.registry.middleware import DEVICE_COOKIE, ask
from timebank.registry.models import Device, Region, User
from timebank.registry.navigation import start_url
from timebank.registry.rules import APPROVE_DEVICE
from timebank.registry.services import devices, profile, second_factor
from timebank.registry.views.me import _user

SECRET = "new_factor"  # noqa: S105 (the session's key under which a secret waits, encrypted, for its first code)
ROWS = 50
ON_THE_PHONE = gettext_lazy("The six digits that the app shows for 善集.")
OR_ON_PAPER = gettext_lazy("Six digits from the app, or one of the codes on paper.")


def _next(request: HttpRequest) -> str:
    asked = read_text(request.POST.get("next") or request.GET.get("next"), 2000)
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if asked and safe else ""


def _with_next(path: str, request: HttpRequest) -> str:
    asked = _next(request)
    return f"{path}?{urlencode({'next': asked})}" if asked else path


def _data(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _must_confirm(request: HttpRequest) -> bool:
    """Say whether a page of one's own safety wants a fresh password or code first."""
    return sessions.read(request).is_stale


@never_cache
@login_required
@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """Everything that makes one's own sign-in safe, on one page."""
    user = _user(request)
    staff = rules.is_staff(user)
    asked = Device.objects.filter(user=user, ended_at=None).select_related("approved_by").order_by("-asked_at").first()
    if asked is not None and (asked.approved_until or asked.asked_at + devices.WAITING) < timezone.now():
        asked = None
    return render(
        request,
        "registry/security.html",
        {
            "staff": staff,
            "factor": second_factor.has_factor(user),
            "codes_left": len(second_factor.recovery_codes(user)),
            "wanted": rules.needs_factor(user),
            "pin": devices.has_staff_pin(user),
            "device": asked,
            "may_ask_device": staff and devices.place_of(user) is not None,
            "operators": selectors.other_operators(user),
        },
    )


@never_cache
@sensitive_post_parameters("code")
@login_required
@require_http_methods(["GET", "POST"])
def factor(request: HttpRequest) -> HttpResponse:
    """Ask for the code after the password."""
    user = _user(request)
    if sessions.read(request).owes != sessions.CODE:
        return redirect(_next(request) or start_url(request))
    form = CodeForm(_data(request), help_text=OR_ON_PAPER)
    if request.method == "POST" and form.is_valid():
        try:
            second_factor.check_code(user=user, code=form.cleaned_data["code"])
        except DomainError as error:
            form.refuse(error)
        else:
            sessions.paid(request)
            return redirect(_next(request) or start_url(request))
    shown = second_factor.shown_code(user) if settings.DEMO else ""
    context = {"form": form, "next": _next(request), "shown_code": shown}
    return render(request, "registry/factor.html", context, status=422 if form.errors else 200)


@never_cache
@sensitive_post_parameters("code")
@login_required
@require_http_methods(["GET", "POST"])
def set_up_factor(request: HttpRequest) -> HttpResponse:
    """Show the secret as a QR and as text; the first right code turns it on."""
    user = _user(request)
    state = sessions.read(request)
    if state.owes == sessions.CODE:
        return redirect("registry:factor")
    if state.owes != sessions.SET_UP and state.is_stale and request.method == "GET":
        return ask(request, idle=False)
    if SECRET not in request.session:
        request.session[SECRET] = ids.encrypt(second_factor.new_secret())
    secret = ids.decrypt(request.session[SECRET])
    form = CodeForm(_data(request), help_text=ON_THE_PHONE)
    if request.method == "POST" and form.is_valid():
        try:
            second_factor.set_up(user=user, secret=secret, code=form.cleaned_data["code"])
        except DomainError as error:
            form.refuse(error)
        else:
            del request.session[SECRET]
            sessions.paid(request)
            return redirect(_with_next(reverse("registry:recovery_codes"), request))
    adapter = get_adapter()
    context = {
        "form": form,
        "wanted": state.owes == sessions.SET_UP,
        "address": adapter.build_totp_url(user, secret),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "shown_code": second_factor.current_code(secret) if settings.DEMO else "",
    }
    return render(request, "registry/set_up_factor.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the codes on paper, to print; or make new ones."""
    user = _user(request)
    state = sessions.read(request)
    if state.owes or not second_factor.has_factor(user):
        return redirect("registry:security")
    if _must_confirm(request):
        return ask(request, idle=False)
    if request.method == "POST":
        second_factor.new_recovery_codes(user=user)
        return redirect(_with_next(reverse("registry:recovery_codes"), request))
    context = {
        "codes": second_factor.recovery_codes(user),
        "renewed": second_factor.has_older_sheet(user),
        "start": _next(request) or start_url(request),
    }
    return render(request, "registry/recovery_codes.html", context)


@login_required
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions but this one."""
    user = profile.sign_out_everywhere(user=_user(request))
    update_session_auth_hash(request, user)
    messages.success(request, _("Everywhere else you are signed out."))
    return redirect("registry:security")


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "POST"])
def staff_pin(request: HttpRequest) -> HttpResponse:
    """Set the PIN with which one goes on after a pause at an approved device."""
    user = _user(request)
    if not rules.is_staff(user):
        raise Http404
    if _must_confirm(request):
        return ask(request, idle=False)
    form = PinForm(_data(request))
    if request.method == "POST" and form.is_valid():
        try:
            devices.set_staff_pin(user=user, pin=form.cleaned_data["pin"])
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The PIN holds at a device that the village approved."))
            return redirect("registry:security")
    return render(request, "registry/staff_pin.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_POST
def ask_device(request: HttpRequest) -> HttpResponse:
    """Ask the village to approve this device for a day's work."""
    try:
        _row, token = devices.ask_device(user=_user(request))
    except DomainError as error:
        raise PermissionDenied(str(error)) from error
    response = redirect("registry:security")
    response.set_cookie(
        DEVICE_COOKIE,
        token,
        max_age=13 * 3600,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _device(request: HttpRequest, pk: int) -> Device:
    row = get_object_or_404(Device.objects.select_related("region"), pk=pk)
    if row.user_id != request.user.pk and not rules.can(request.user, APPROVE_DEVICE, row.region):
        raise Http404
    return row


def _after(request: HttpRequest, row: Device) -> HttpResponse:
    if row.user_id == request.user.pk:
        return redirect("registry:security")
    return redirect("registry:devices", place=row.region_id)


@login_required
@require_POST
def approve_device(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve a device for twelve hours."""
    row = _device(request, pk)
    try:
        row = devices.approve_device(device=row, actor=_user(request))
    except DomainError as error:
        raise PermissionDenied(str(error)) from error
    if row.approved_until is not None:
        messages.success(request, _("Approved for twelve hours."))
    else:
        messages.error(request, _("This request is too old: let it be asked for again."))
    return _after(request, row)


@login_required
@require_POST
def end_device(request: HttpRequest, pk: int) -> HttpResponse:
    """End a device's approval."""
    row = devices.end_device(device=_device(request, pk), actor=_user(request))
    messages.success(request, _("Ended: from now on it wants the password again."))
    return _after(request, row)


@never_cache
@login_required
@require_GET
def device_list(request: HttpRequest, place: int) -> HttpResponseBase:
    """List the devices of a place: what waits for a yes, and what is approved."""
    region = Region.objects.filter(pk=place, is_active=True).first()
    if region is None or not rules.can(request.user, APPROVE_DEVICE, region):
        raise Http404
    rows = Device.objects.filter(region__path__startswith=region.path).select_related("user", "approved_by")
    page = Paginator(rows.order_by("-asked_at", "-pk"), ROWS).get_page(read_page(request.GET.get("page")))
    now = timezone.now()
    for row in page.object_list:
        open_ = row.ended_at is None
        row.waits = open_ and row.approved_until is None and row.asked_at > now - devices.WAITING  # type: ignore[attr-defined]
        row.holds = open_ and row.approved_until is not None and row.approved_until > now  # type: ignore[attr-defined]
    return render(request, "registry/devices.html", {"region": region, "page": page})


@login_required
@require_GET
def my_devices(request: HttpRequest) -> HttpResponse:
    """Go to the devices of the first place where this person is asked."""
    region = rules.regions_where(request.user, APPROVE_DEVICE).filter(is_active=True).order_by("path").first()
    if region is None:
        raise Http404
    return redirect("registry:devices", place=region.pk)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def end_factor(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Turn off the code of somebody who lost the phone and the paper."""
    user: Any = get_object_or_404(User, pk=pk)
    if not rules.may_end_factor(request.user, user) or not second_factor.has_factor(user):
        raise Http404
    form = ReasonForm(_data(request))
    if request.method == "POST" and form.is_valid():
        try:
            second_factor.end_factor(user=user, actor=_user(request), reason=form.cleaned_data["reason"])
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(
                request,
                _("The code of %(name)s is off; at the next sign-in a new one is set up.") % {"name": user.name},
            )
            return redirect(start_url(request))
    return render(
        request, "registry/end_factor.html", {"form": form, "person": user}, status=422 if form.errors else 200
    )
