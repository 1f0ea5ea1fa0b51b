"""Messages in the menus."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from timebank.messages.selectors import count_unseen
from timebank.ui.menus import Entry


def _signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated


MENUS = [
    Entry(
        area="top",
        key="messages",
        label=_("Messages"),
        url_name="inbox:messages",
        icon="bell",
        order=5,
        visible=_signed_in,
        count=count_unseen,
    ),
    Entry(
        area="account",
        key="channels",
        label=_("Messages by e-mail and SMS"),
        text=_("What is sent to you, and when not"),
        url_name="inbox:channels",
        icon="bell",
        order=65,
        visible=_signed_in,
    ),
]
