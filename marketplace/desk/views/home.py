"""The first page: what waits today."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from marketplace.desk import selectors
from marketplace.desk.scope import desk
from timebank.common.numbers import format_points
from timebank.registry.rules import VIEW_VILLAGE
from timebank.ui.templatetags.ui import day

_ICONS = {
    "verify": "verify",
    "publish": "notice",
    "notice": "clock",
    "objections": "warning",
    "tickets": "ticket",
    "stock": "stock",
    "residents": "family",
    "points": "points",
}


def _shown(tile: selectors.Tile) -> dict[str, Any]:
    """Put a tile into words."""
    facts = tile.facts or {}
    labels = {
        "verify": _("To verify"),
        "publish": _("Ready for notice"),
        "notice": _("On public notice"),
        "objections": _("Open objections"),
        "tickets": _("Tickets to collect"),
        "stock": _("Running out"),
        "residents": _("Residents"),
        "points": _("Points outstanding"),
    }
    note = ""
    if facts.get("oldest"):
        note = _("the oldest of %(day)s") % {"day": day(facts["oldest"])}
    elif facts.get("soonest"):
        note = _("the next earn on %(day)s") % {"day": day(facts["soonest"])}
    elif facts.get("due"):
        note = _("answer by %(day)s") % {"day": day(facts["due"])}
    elif "today" in facts:
        note = ngettext("%(n)s handed over today", "%(n)s handed over today", facts["today"]) % {"n": facts["today"]}
    elif facts.get("waiting"):
        note = ngettext("%(n)s wants to join", "%(n)s want to join", facts["waiting"]) % {"n": facts["waiting"]}
    links = {
        "verify": reverse("desk:verify"),
        "publish": reverse("desk:notice"),
        "notice": reverse("desk:notice"),
        "objections": reverse("desk:notice") + "#objections",
        "tickets": reverse("desk:tickets") + "?which=waiting",
        "stock": reverse("desk:stock"),
        "residents": reverse("desk:residents") + ("?status=pending" if facts.get("waiting") else ""),
        "points": reverse("desk:statement"),
    }
    return {
        "label": labels[tile.name],
        "value": format_points(tile.value) if tile.is_points else tile.value,
        "href": links[tile.name],
        "icon": _ICONS[tile.name],
        "tone": tile.tone,
        "note": note,
        "live": reverse("desk:tile", args=[tile.name]),
    }


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
            "tiles": [_shown(tile) for tile in selectors.tiles(request.user, scope)],
            "today": timezone.localdate(),
            "rows": [] if scope.is_village else selectors.overview(scope),
        },
    )


@require_GET
@desk(VIEW_VILLAGE)
def tile(request: HttpRequest, name: str) -> HttpResponse:
    """Give one tile anew, for the page that is left open all day."""
    result = selectors.tile(request.user, request.scope, name)  # type: ignore[attr-defined]
    if result is None:
        raise Http404
    return render(request, "ui/components/tile.html", _shown(result))
