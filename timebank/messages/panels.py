"""What messages add to other pages: the unseen ones stay on the home page; the paper passbook says the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from timebank.messages import selectors
from timebank.messages.models import Message


def on_home(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Show the newest unseen messages of the visitor; ``ids`` is the visitor's own."""
    unseen = selectors.unseen(request)
    if not unseen or len(ids) != 1 or ids[0] != request.user.pk:
        return {}
    rows = [selectors.show(message) for message in unseen[: selectors.ON_HOME]]
    return {
        ids[0]: {"template": "messages/_on_home.html", "rows": rows, "more": max(0, len(unseen) - selectors.ON_HOME)}
    }


PRINTED = dt.timedelta(days=90)
MOST_PRINTED = 20


def in_passbook(request: HttpRequest, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Print what a resident was told lately: for who has no telephone the passbook is the inbox."""
    if len(ids) != 1:
        return {}
    since = timezone.now() - PRINTED
    told = Message.objects.filter(resident=ids[0], occurred_at__gte=since).order_by("-occurred_at", "-pk")
    rows = [selectors.show(message) for message in told[:MOST_PRINTED]]
    return {ids[0]: {"template": "messages/_in_passbook.html", "rows": rows}} if rows else {}
