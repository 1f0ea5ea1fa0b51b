"""What villages add to pages of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from timebank.registry import rules
from timebank.villages import selectors
from timebank.villages.models import Opening, OpeningLine
from timebank.villages.rules import SEEING

MOST_NAMED = 3


def on_hours(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Show beside a resident's hours those from before, marked as such: they are never added to the recorded ones."""
    mine = Q(resident__in=ids) | Q(resident__merged_into__in=ids)
    lines = OpeningLine.objects.filter(mine, opening__state=Opening.State.APPROVED, minutes__gt=0)
    shown: dict[int, dict[str, Any]] = {}
    for line in lines.select_related("opening", "resident").order_by("pk"):
        pk = line.resident_id if line.resident_id in ids else line.resident.merged_into_id
        shown[int(pk)] = {"template": "villages/_hours_before.html", "line": line}  # type: ignore[arg-type]
    return shown


def on_desk(request: HttpRequest, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Say on the first page of a desk that a village, or how many below, are being founded; by paths of places."""
    if len(ids) != 1 or not any(rules.can(request.user, action) for action in SEEING):
        return {}
    count = selectors.preparing().filter(region__path__startswith=ids[0]).count()
    return {ids[0]: {"template": "villages/_on_desk.html", "count": count}} if count else {}


def on_planning(request: HttpRequest, ids: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], dict[str, Any]]:
    """Say before an activity is planned which of these villages take none yet, and of a single one what it lacks."""
    if len(ids) != 1:
        return {}
    offices = selectors.preparing().filter(region__in=ids[0]).select_related("region").order_by("region__path")
    waiting = [office.region for office in offices]
    if not waiting:
        return {}
    seen = [row for row in waiting[:MOST_NAMED] if any(rules.can(request.user, what, row) for what in SEEING)]
    context = {
        "template": "villages/_on_planning.html",
        "villages": waiting[:MOST_NAMED],
        "more": len(waiting) - MOST_NAMED,
        "founding": selectors.founding(waiting[0]) if len(waiting) == 1 else None,
        "place": seen[0] if seen else None,
    }
    return {ids[0]: context}


def in_export(resident: Any) -> dict[str, Any]:
    """Return what was entered of a person from before, for "everything we know about me"."""
    lines = OpeningLine.objects.filter(resident=resident)
    return {
        "opening_balance": lines.values(
            "opening__title", "opening__signed_on", "opening__state", "points", "minutes"
        ).order_by("pk")
    }
