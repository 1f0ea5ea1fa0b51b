"""What stands between a sign-in and the pages: an own password, a second factor, and who sits there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from timebank.common.errors import DomainError
from timebank.common.input import digits, read_ids, read_text
from timebank.registry import selectors, sessions
from timebank.registry.account_forms import CONFIRM_FIELD as FIELD
from timebank.registry.account_forms import ConfirmForm
from timebank.registry.models import Resident
from timebank.registry.rules import ConfirmFirst
from timebank.registry.services import devices, second_factor
from timebank.ui.typed import fields_of, is_secret

DEVICE_COOKIE = "shanji_device"
ACTS_FOR = "acts_for"  # the field of a form that says for whom its page was made
#: Staff pages: their forms carry the place, and never act for a resident. And the choice itself.
ACTS_FOR_NOBODY = {"desk", "counter", "funds", "payments", "operators", "registry:acting"}
METHOD = "confirm_method"
FREE = {
    "registry:sign_out",
    "registry:factor",
    "registry:set_up_factor",
    "registry:recovery_codes",
    "ui:language",
    "ui:size",
    "ui:manifest",
    "common:healthz",
    "common:readyz",
}


class OwnPasswordMiddleware:
    """Lead to the page of the password, until it is one's own; stands after authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a session cookie nobody is signed in: don't load a user for public pages.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and getattr(request.user, "must_change_password", False):
            page = reverse("registry:password")
            free = [page, *(reverse(name) for name in FREE)]
            if not request.path.startswith((*free, settings.STATIC_URL)):
                return redirect(page)
        return self.get_response(request)


class StaffSessionMiddleware:
    """Let a session go on only with what it owes: the code, and after a pause a word who sits there.

    The page that asks stands at the address that was asked for and sends everything along that was typed, so nothing
    is lost. ``ConfirmFirst``, raised by a service, leads to the same page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Look at the session before the view does; Django has checked the form's token by now."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return None
        match = request.resolver_match
        if match is None or match.view_name in FREE:
            return None
        state = sessions.read(request)
        if state.is_over:
            logout(request)
            messages.info(request, _("A day's work is over: sign in again."))
            return redirect(f"{reverse('registry:sign_in')}?{urlencode({'next': _page(request)})}")
        if state.owes:
            page = "registry:factor" if state.owes == sessions.CODE else "registry:set_up_factor"
            return redirect(f"{reverse(page)}?{urlencode({'next': _page(request)})}")
        if FIELD in request.POST:
            answer = self._answer(request, state)
            if answer is not None:
                return answer
        elif state.is_idle:
            return ask(request, idle=True)
        sessions.seen(request, state)
        if request.method not in {"GET", "HEAD"} and state.is_stale:
            request.user.must_confirm = True  # type: ignore[union-attr]  (``rules.require_confirmed`` reads it)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Ask who is there, where a service wants to know."""
        return ask(request, idle=False) if isinstance(exception, ConfirmFirst) else None

    def _answer(self, request: HttpRequest, state: sessions.State) -> HttpResponse | None:
        """Take what was answered; None when it is right and what was asked for may be done."""
        by_get = request.POST.get(METHOD) == "get"
        form = ConfirmForm(request.POST)
        typed = form.cleaned_data[FIELD] if form.is_valid() else ""
        by_pin = state.is_idle and _by_pin(request)
        if typed and is_right(request, typed, by_pin=by_pin):
            sessions.confirmed(request, state, by_pin=by_pin)
            if by_get:
                return redirect(request.get_full_path())
            kept = request.POST.copy()
            kept.pop(FIELD), kept.pop(METHOD, None)
            request.POST = kept  # type: ignore[assignment]
            return None
        state.wrong += 1
        sessions.keep(request, state)
        if state.wrong >= sessions.TRIES:
            logout(request)
            messages.error(request, _("Too often wrong: sign in again."))
            return redirect("registry:sign_in")
        return ask(request, idle=state.is_idle, wrong=True)


class ActsForMiddleware:
    """Refuse what a page made for one person sends once the session acts for another: two tabs tell the truth."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Compare for whom the page was made with for whom the session acts; nothing is lost."""
        if request.method != "POST" or ACTS_FOR not in request.POST:
            return None
        now = acts_for(request)
        made_for = (set(read_ids(request.POST.getlist(ACTS_FOR))) or {0}) - {now}
        if now is None or not made_for:
            return None
        if request.headers.get("HX-Request") == "true":  # a part of a page can't ask: the whole one does
            answer = HttpResponse(status=409)
            answer["HX-Redirect"] = request.headers.get("HX-Current-URL") or "/"
            return answer
        context = {
            "then": _known(request, min(made_for)),
            "person": selectors.acting_resident(request),
            "typed": [(name, value) for name, value in fields_of(request) if name != ACTS_FOR],
            "secrets": any(map(is_secret, request.POST)),
            "files": bool(request.FILES),
            "action": request.get_full_path(),
        }
        response = render(request, "registry/acts_for_another.html", context, status=409)
        add_never_cache_headers(response)
        return response


def acts_for(request: HttpRequest) -> int | None:
    """Return for whom a signed-in session acts where that matters: a resident's key, 0 for nobody."""
    match = request.resolver_match
    if match is None or {match.namespace, match.view_name} & (ACTS_FOR_NOBODY | FREE):
        return None
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
        return None
    resident = selectors.acting_resident(request)
    return 0 if resident is None else resident.pk


def _known(request: HttpRequest, key: int) -> Resident | None:
    """Return the person a page was made for, where it is oneself or somebody whom one helps."""
    own = selectors.resident_of(request.user)
    if own is not None and own.pk == key:
        return own
    return next((proxy.resident for proxy in selectors.helps(request.user).filter(resident=key)), None)


def _page(request: HttpRequest) -> str:
    """Return where to go on: the page itself, or for a form the page on which it stood."""
    return request.get_full_path() if request.method == "GET" else "/"


def _by_pin(request: HttpRequest) -> bool:
    token = read_text(request.COOKIES.get(DEVICE_COOKIE), 100)
    user: Any = request.user
    return devices.approved_device(token=token, user=user) is not None and devices.has_staff_pin(user)


def is_right(request: HttpRequest, typed: str, *, by_pin: bool) -> bool:
    """Say whether this is the PIN where one is asked, else the password or a code of who is signed in."""
    user: Any = request.user
    if by_pin and devices.is_staff_pin(user=user, pin=typed):
        return True
    if not by_pin and len(digits(typed)) in {6, 8} and second_factor.has_factor(user):
        try:
            second_factor.check_code(user=user, code=typed)
        except DomainError:
            pass  # it may be a password of digits
        else:
            return True
    if by_pin and len(digits(typed)) == len(typed):
        return False
    return authenticate(request, username=user.username, password=typed) is not None


def ask(request: HttpRequest, *, idle: bool, wrong: bool = False) -> HttpResponse:
    """Show the page that asks who is there; it sends along what was typed before."""
    if request.headers.get("HX-Request") == "true":  # a part of a page can't ask: the whole one does
        answer = HttpResponse(status=403)
        answer["HX-Redirect"] = request.headers.get("HX-Current-URL") or "/"
        return answer
    by_get = request.method == "GET" or request.POST.get(METHOD) == "get"
    left_out = {FIELD, METHOD, "csrfmiddlewaretoken"}
    typed = [(name, value) for name, values in request.POST.lists() if name not in left_out for value in values]
    user: Any = request.user
    context = {
        "idle": idle,
        "wrong": wrong,
        "by_pin": idle and _by_pin(request),
        "by_code": second_factor.has_factor(user),
        "by_get": by_get,
        "typed": typed,
        "files": bool(request.FILES),
        "action": request.get_full_path(),
        "shown_code": second_factor.shown_code(user) if settings.DEMO else "",
    }
    response = render(request, "registry/confirm.html", context, status=403)
    add_never_cache_headers(response)
    return response
