"""Choosing language and text size, and the web app manifest."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from timebank.common.input import read_text
from timebank.ui.preferences import COOKIE_AGE, SIZE_COOKIE, SIZES, languages
from timebank.ui.services import remember_preference
from timebank.ui.typed import fields_of, is_from_here, unsent


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """Go back to the page that sent the form, only ever on this site."""
    for target in (read_text(request.POST.get("next", "")), request.headers.get("Referer", "")):
        if target and url_has_allowed_host_and_scheme(
            target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return HttpResponseRedirect(target)
    return HttpResponseRedirect("/")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in a cookie and, signed in, in the profile; an unknown one changes nothing."""
    response = _back(request)
    chosen = read_text(request.POST.get("language", ""))
    if chosen in languages():
        remember_preference(user=request.user, field="language", value=chosen)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


@require_POST
def set_size(request: HttpRequest) -> HttpResponse:
    """Keep the chosen text size in a cookie and, signed in, in the profile; an unknown one changes nothing."""
    response = _back(request)
    chosen = read_text(request.POST.get("size", ""))
    if chosen in SIZES:
        remember_preference(user=request.user, field="text_size", value=chosen)
        response.set_cookie(
            SIZE_COOKIE, chosen, max_age=COOKIE_AGE, secure=request.is_secure(), httponly=True, samesite="Lax"
        )
    return response


@require_GET
@vary_on_headers("Accept-Language", "Cookie")
@cache_control(private=True, max_age=3600)
def manifest(request: HttpRequest) -> HttpResponse:
    """Describe the site to a phone that puts it on its home screen."""
    icons = [{"src": static("ui/favicon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}]
    for size in (192, 512):
        for purpose, name in (("any", "icon"), ("maskable", "icon-maskable")):
            source = static(f"ui/{name}-{size}.png")
            icons.append({"src": source, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose})
    content = {
        "id": "/",
        "name": _("Shanji village market"),
        "short_name": _("Shanji"),
        "lang": request.LANGUAGE_CODE if hasattr(request, "LANGUAGE_CODE") else settings.LANGUAGE_CODE,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#faf6ec",
        "theme_color": "#9e1b16",
        "icons": icons,
    }
    return JsonResponse(content, content_type="application/manifest+json", json_dumps_params={"ensure_ascii": False})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Say in plain words that the form was open too long; what was typed can be sent again if it came from here."""
    if is_from_here(request) and fields_of(request):
        return unsent(request, signed_out=False, status=403)
    return render(request, "403_csrf.html", status=403)
