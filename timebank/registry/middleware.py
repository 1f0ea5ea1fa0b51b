"""Who signs in with a password that the office gave chooses an own one before anything else."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class OwnPasswordMiddleware:
    """Lead to the page of the password, until it is one's own; stands after authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a session cookie nobody is signed in: don't load a user for public pages.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and getattr(request.user, "must_change_password", False):
            page = reverse("registry:password")
            free = (page, reverse("registry:sign_out"), reverse("ui:language"), reverse("ui:size"))
            if not request.path.startswith((*free, settings.STATIC_URL, reverse("javascript-catalog"))):
                return redirect(page)
        return self.get_response(request)
