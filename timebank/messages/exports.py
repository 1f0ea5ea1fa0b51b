"""Messages in "everything we know about me"."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from timebank.messages.models import Message
from timebank.messages.selectors import show
from timebank.registry.models import Resident


def section(resident: Resident) -> dict[str, list[dict[str, Any]]]:
    """Return what was told to a resident."""
    rows = Message.objects.filter(resident=resident).order_by("occurred_at", "pk")
    return {
        "messages": [
            {
                str(_("happened")): message.occurred_at,
                str(_("message")): f"{shown.kind.title}: {shown.text}",
                str(_("seen")): message.seen_at,
            }
            for message in rows.iterator(chunk_size=500)
            for shown in [show(message)]
        ]
    }
