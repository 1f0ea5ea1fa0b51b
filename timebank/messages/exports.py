"""Messages in "everything we know about me"."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from timebank.messages.models import Message
from timebank.messages.selectors import show
from timebank.registry.models import Resident


def section(resident: Resident) -> dict[str, list[dict[str, Any]]]:
    """Return what was told to a resident."""
    rows = Message.objects.filter(resident=resident).order_by("occurred_at", "pk").prefetch_related("sendings")
    return {
        "messages": [
            {
                str(_("happened")): message.occurred_at,
                str(_("message")): f"{shown.kind.title}: {shown.text}",
                str(_("seen")): message.seen_at,
                str(_("sent")): _ways(message),
            }
            for message in rows.iterator(chunk_size=500)
            for shown in [show(message)]
        ]
    }


def _ways(message: Message) -> str:
    """Say what became of the message by e-mail and SMS."""
    rows = message.sendings.all()
    return ", ".join(f"{sending.get_channel_display()}: {sending.get_state_display()}" for sending in rows)
