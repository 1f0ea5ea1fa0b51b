"""What voluntary service adds to pages of other apps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from timebank.registry.models import Region
from timebank.service.models import Activity

AHEAD = dt.timedelta(days=14)
MOST = 20


def on_notice_sheet(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """List under the printed notice of a village what takes place soon and what was cancelled: for who has no phone."""
    if len(ids) != 1:
        return {}
    village = Region.objects.filter(pk=ids[0]).first()
    if village is None:
        return {}
    now = timezone.now()
    rows = list(
        Activity.objects.filter(village=village, starts_at__gt=now, starts_at__lte=now + AHEAD)
        .exclude(status=Activity.Status.CLOSED)
        .order_by("starts_at", "pk")[:MOST]
    )
    return {ids[0]: {"template": "service/_on_notice_sheet.html", "activities": rows}} if rows else {}
