"""How often something may be tried: counted in the database, for all processes, under every key that matters.

A limit is declared once (``Limit``) and spent under several keys at once: an account, an address, a village, over all.
Counted by windows of fixed length, so at most twice as often around the edge of two. One short row per key and window;
the sweep forgets those that are over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError
from timebank.common.input import clean_text
from timebank.common.models import Attempt

View = Callable[..., HttpResponseBase]

NAME = 40  # as long as the column
KEPT = dt.timedelta(days=2)  # longer than any window


class TooOften(DomainError):
    code = "too_often"
    message = _("This was tried too often. Wait a while, then try again.")
    status = 429


@dataclass(frozen=True)
class Limit:
    """At most ``most`` within ``seconds``, for each key; ``name`` is unique."""

    name: str
    most: int
    seconds: int

    def __post_init__(self) -> None:
        if len(self.name) > NAME:
            raise ValueError(f"the limit {self.name!r} has too long a name")

    def window(self, now: dt.datetime) -> dt.datetime:
        """Return when the window that holds this instant began."""
        start = int(now.timestamp()) // self.seconds * self.seconds
        return dt.datetime.fromtimestamp(start, dt.UTC)


UPLOADS = Limit("uploads", 60, 3600)
EXPORTS = Limit("lists as files", 120, 3600)


def require(limit: Limit, keys: Iterable[str], *, now: dt.datetime | None = None) -> None:
    """Raise ``TooOften`` where one of the keys has used its limit up."""
    window = limit.window(now or timezone.now())
    used = Attempt.objects.filter(limit=limit.name, key__in=[key[:80] for key in keys], window=window)
    if used.filter(count__gte=limit.most).exists():
        raise TooOften


def count(limit: Limit, keys: Iterable[str], *, now: dt.datetime | None = None) -> None:
    """Count one more under each key; whoever calls decides whether a refusal undoes it."""
    window = limit.window(now or timezone.now())
    for key in dict.fromkeys(key[:80] for key in keys):
        row = Attempt.objects.filter(limit=limit.name, key=key, window=window)
        if row.update(count=F("count") + 1):
            continue
        try:
            with transaction.atomic():
                Attempt.objects.create(limit=limit.name, key=key, window=window, count=1)
        except IntegrityError:  # somebody began it at the same moment
            row.update(count=F("count") + 1)


def spend(limit: Limit, keys: Iterable[str], *, now: dt.datetime | None = None) -> None:
    """Take one of what is left under each key, or raise ``TooOften`` and take none."""
    keys = list(keys)
    require(limit, keys, now=now)
    count(limit, keys, now=now)


def address_of(request: HttpRequest | None) -> str:
    """Return where a request comes from: behind a proxy what the proxy wrote last, never what a visitor wrote."""
    if request is None:
        return ""
    if settings.BEHIND_PROXY:
        written = clean_text(request.META.get("HTTP_X_FORWARDED_FOR", "")[-200:].rpartition(",")[2])
        try:
            return str(ip_address(written))
        except ValueError:
            pass  # asked without the proxy, from inside
    return str(request.META.get("REMOTE_ADDR", ""))


def refusal(request: HttpRequest, limit: Limit) -> HttpResponseBase | None:
    """Count this request for who asks, or for their address; return the page that refuses it if it is one too many."""
    user = getattr(request, "user", None)
    key = f"user:{user.pk}" if user is not None and user.is_authenticated else address_of(request)
    try:
        spend(limit, [key])
    except TooOften as error:
        return render(request, "429.html", status=error.status)
    return None


def limited(limit: Limit, when: Callable[[HttpRequest], Any] = lambda _request: True) -> Callable[[View], View]:
    """Wrap a view that a person, or an address, may ask only so often; ``when`` says which requests count."""

    def wrap(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = refusal(request, limit) if when(request) else None
            return refused if refused is not None else view(request, *args, **kwargs)

        return inner

    return wrap
