"""A person's inbox, in the reader's words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from timebank.common import counts
from timebank.common.numbers import format_money, format_points_with_unit
from timebank.messages.kinds import KINDS, Kind
from timebank.messages.models import Message
from timebank.policy import categories
from timebank.registry.models import User
from timebank.registry.roles import label_of
from timebank.ui.templatetags.ui import day, timestamp

MOST_COUNTED = 99
ON_HOME = 2


def inbox(user: Any) -> QuerySet[Message]:
    """Select what is addressed to a person, as a resident or otherwise, newest first."""
    if not isinstance(user, User):
        return Message.objects.none()
    return Message.objects.filter(Q(resident__user=user) | Q(user=user)).order_by("-occurred_at", "-pk")


def unseen(request: HttpRequest) -> list[Message]:
    """List what the visitor has not seen yet, newest first, up to a hundred; asked once a request."""
    kept: list[Message] | None = request.__dict__.get("_unseen_messages")
    if kept is None:
        user = getattr(request, "user", None)
        kept = list(inbox(user).filter(seen_at__isnull=True)[: MOST_COUNTED + 1])
        request.__dict__["_unseen_messages"] = kept
    return kept


def count_unseen(request: HttpRequest) -> int:
    """Count for the badge, up to 99; a page that lists them has them by then."""
    kept: list[Message] | None = request.__dict__.get("_unseen_messages")
    return min(counts.of_page(request, "messages") if kept is None else len(kept), MOST_COUNTED)


def to_count(request: HttpRequest) -> QuerySet[Message] | None:
    """Select what the visitor has not seen yet, to be counted with the rest of the page."""
    user = getattr(request, "user", None)
    return inbox(user).filter(seen_at__isnull=True) if isinstance(user, User) else None


@dataclass(frozen=True)
class Shown:
    """A message as a page shows it."""

    message: Message
    kind: Kind
    text: str
    url: str


def show(message: Message) -> Shown:
    """Write a message in the reader's language."""
    kind = KINDS.get(message.kind) or Kind(message.kind, "")
    facts = {name: _written(name, value) for name, value in message.facts.items()}
    if not facts.get("what") and facts.get("category"):
        facts["what"] = categories.name_of(facts["category"])
    try:
        text = str(kind.sentence) % facts
    except KeyError:  # an older event lacks a fact: its title says enough
        text = ""
    return Shown(message, kind, text, _url(kind, message.subject))


def _url(kind: Kind, subject: str) -> str:
    name, _colon, key = subject.partition(":")
    if not kind.leads_to or (kind.about and kind.about != name):
        return ""
    try:
        return reverse(kind.leads_to, args=[int(key)] if kind.about else [])
    except (NoReverseMatch, ValueError):
        return ""


def _written(name: str, value: Any) -> str:
    if name == "points":
        return format_points_with_unit(value)
    if name.endswith("_fen"):
        return format_money(value)
    if name.endswith("_at") and isinstance(value, str):
        return timestamp(parse_datetime(value))
    if name.endswith(("_on", "until")) and isinstance(value, str):
        instant = parse_datetime(value) if "T" in value else None
        if instant is None:
            return day(parse_date(value[:10]))
        local = timezone.localtime(instant)
        # What ends with the day ends on that day: "until 4 December", not "until 5 December, 00:00".
        return day(local - dt.timedelta(days=1)) if local.time() == dt.time.min else timestamp(instant)
    if name == "role":
        return label_of(str(value))
    return str(value)
