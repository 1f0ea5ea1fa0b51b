"""What villages add to pages of other apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest

from timebank.registry import rules
from timebank.registry.models import Region
from timebank.registry.rules import GRANT_ROLE
from timebank.service.models import Activity
from timebank.villages.models import Office, Opening, OpeningLine
from timebank.villages.rules import KEEP_OFFICE


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
    if len(ids) != 1 or not any(rules.can(request.user, action) for action in (KEEP_OFFICE, GRANT_ROLE)):
        return {}
    waiting = Office.objects.filter(opened_at=None, region__path__startswith=ids[0], region__level=Region.Level.VILLAGE)
    began = Activity.objects.filter(village=OuterRef("region"))
    count = waiting.exclude(Exists(began)).count()
    return {ids[0]: {"template": "villages/_on_desk.html", "count": count}} if count else {}


def in_export(resident: Any) -> dict[str, Any]:
    """Return what was entered of a person from before, for "everything we know about me"."""
    lines = OpeningLine.objects.filter(resident=resident)
    return {
        "opening_balance": lines.values(
            "opening__title", "opening__signed_on", "opening__state", "points", "minutes"
        ).order_by("pk")
    }
