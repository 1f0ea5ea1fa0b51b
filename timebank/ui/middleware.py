"""Language of the profile, methods that are refused, and what was typed when a session had ended."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation

from timebank.ui.preferences import languages
from timebank.ui.typed import TOKEN, fields_of, unsent


class RefusedMethodMiddleware:
    """Give 405 a page of ours: Back, a shared link or a change of language may lead to an address that takes forms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and request.method == "GET" and not response.content:
            allowed = response["Allow"]
            response = render(request, "405.html", status=405)
            response["Allow"] = allowed
        return response


class KeepTypedMiddleware:
    """Where a form is sent after the session ended, keep what was typed instead of leading to the sign-in without it.

    A browser's form carries its token; what does not is sent to the sign-in as ever.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method != "POST" or response.status_code != 302 or TOKEN not in request.POST:
            return response
        sign_in = reverse(settings.LOGIN_URL)
        here = request.path == sign_in or getattr(request, "htmx", False)
        if here or urlsplit(response["Location"]).path != sign_in or "next=" not in response["Location"]:
            return response
        if not fields_of(request):
            return response
        # Not back to the address of the form: what it takes is sent from this page.
        return unsent(request, signed_out=True, sign_in=sign_in, status=401)


class PreferencesMiddleware:
    """Activate the language of a signed-in person's profile; stands after authentication and ``LocaleMiddleware``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a session cookie nobody is signed in: don't load a user for public pages.
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            user = getattr(request, "user", None)
            chosen = getattr(user, "language", "") if user is not None and user.is_authenticated else ""
            if chosen in languages() and chosen != translation.get_language():
                translation.activate(chosen)
                request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)
