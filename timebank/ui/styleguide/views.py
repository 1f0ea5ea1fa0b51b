"""The pages of the style guide: sample content in the real templates."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from timebank.ui.styleguide.content import content


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show every component once."""
    return render(request, "styleguide/home.html", content())


@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """Show the desk page with sample content."""
    return render(request, "styleguide/desk.html", content())


@require_GET
def print_page(request: HttpRequest) -> HttpResponse:
    """Show the print page with sample content."""
    return render(request, "styleguide/print.html", content())


@require_GET
def error(request: HttpRequest, code: int) -> HttpResponse:
    """Show an error page as a visitor would see it."""
    if code not in (400, 403, 404, 429, 500):
        raise Http404
    return render(request, f"{code}.html", status=code)
