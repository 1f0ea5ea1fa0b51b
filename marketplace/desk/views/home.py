"""The first page: what waits today."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from marketplace.desk import selectors
from marketplace.desk.scope import desk
from marketplace.desk.tiles import tiles_for
from timebank.registry.rules import VIEW_VILLAGE


@require_GET
@desk(VIEW_VILLAGE)
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits, in one village or in every village of a town."""
    scope = request.scope  # type: ignore[attr-defined]
    return render(
        request,
        "desk/home.html",
        {
            "scope": scope,
            "tiles": tiles_for(request, scope.region),
            "today": timezone.localdate(),
            "rows": [] if scope.is_village else selectors.overview(scope),
        },
    )


@require_GET
@desk(VIEW_VILLAGE)
def tile(request: HttpRequest, name: str) -> HttpResponse:
    """Give one tile anew, for the page that is left open all day."""
    shown = tiles_for(request, request.scope.region, name) if name else []  # type: ignore[attr-defined]
    if not shown:
        raise Http404
    return render(request, "ui/components/tile.html", shown[0])
