"""The menus are data: every app declares a list of entries (``menus`` of its contract); pages show what is allowed.

Areas: ``resident`` (tabs), ``public`` (tabs when signed out), ``desk`` (side menu of the desk), ``top`` (icons in the
top bar), ``account`` (rows under 我的), ``card`` (where a scanned card leads: the first entry that is visible).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode

from timebank.common import contract

ACCOUNT_TAB = "me"  # the tab that the pages behind account rows light, unless they have one of their own
AREAS = ("resident", "public", "desk", "top", "account", "card")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One place in a menu. ``match``: other views or namespaces that light it. ``text`` explains an account row.

    ``keep``: names in the query that the entry carries along: the place that a page shows.
    """

    area: str
    key: str
    label: Any
    url_name: str
    icon: str
    order: int = 50
    visible: Callable[[HttpRequest], bool] | None = None
    match: tuple[str, ...] = ()
    count: Callable[[HttpRequest], int] | None = None
    group: Any = ""
    text: Any = ""
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.area not in AREAS:
            raise ValueError(f"unknown menu area {self.area!r}, one of {AREAS}")


@dataclass(slots=True)
class Item:
    """One entry as a page shows it."""

    key: str
    label: Any
    url: str
    icon: str
    active: bool = False
    count: int = 0
    group: Any = ""
    text: Any = ""


def _closeness(url_name: str, match: tuple[str, ...], view_name: str, namespaces: list[str]) -> int:
    """Rank how well an entry fits the page: its own view, a named match, its namespace, or not at all."""
    if not view_name:
        return 0
    if view_name == url_name:
        return 4
    if view_name in match:
        return 3
    joined = ":".join(namespaces)
    if joined and joined in match:
        return 2
    if joined and url_name.rpartition(":")[0] == joined:
        return 1
    return 0


def _of_area(area: str, entries: Iterable[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Return the entries of an area in their order, and the names of all pages behind account rows."""
    declared = list(entries)
    account = tuple(name for e in declared if e.area == "account" for name in (e.url_name, *e.match))
    return sorted((e for e in declared if e.area == area), key=lambda e: (e.order, e.key)), account


@lru_cache(maxsize=len(AREAS))
def _declared(area: str) -> tuple[list[Entry], tuple[str, ...]]:
    return _of_area(area, contract.items("menus"))


def items(area: str, request: HttpRequest, entries: Iterable[Entry] | None = None) -> list[Item]:
    """Return the entries of an area that exist and that this visitor may see, at most one of them active.

    ``entries`` None: what all apps declare.
    """
    own, account = _declared(area) if entries is None else _of_area(area, entries)
    match = getattr(request, "resolver_match", None)
    view_name = match.view_name if match else ""
    namespaces = list(match.namespaces) if match else []
    shown: list[Item] = []
    best, best_rank = None, 0
    for entry in own:
        if entry.visible is not None and not entry.visible(request):
            continue
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        if kept := {name: request.GET[name] for name in entry.keep if name in request.GET}:
            url = f"{url}?{urlencode(kept)}"
        item = Item(entry.key, entry.label, url, entry.icon, group=entry.group, text=entry.text)
        item.count = entry.count(request) if entry.count else 0
        shown.append(item)
        match_names = entry.match + account if entry.key == ACCOUNT_TAB else entry.match
        rank = _closeness(entry.url_name, match_names, view_name, namespaces)
        if rank > best_rank:
            best, best_rank = item, rank
    if best is not None:
        best.active = True
    # A group stands once, where its first entry does, whoever else has entries between.
    groups = list(dict.fromkeys(str(item.group) for item in shown))
    return sorted(shown, key=lambda item: groups.index(str(item.group)))


class Menus:
    """The menus of one request, worked out only when a template asks."""

    def __init__(self, request: HttpRequest):
        self._request = request

    @cached_property
    def resident(self) -> list[Item]:
        return items("resident", self._request)

    @cached_property
    def public(self) -> list[Item]:
        return items("public", self._request)

    @cached_property
    def desk(self) -> list[Item]:
        return items("desk", self._request)

    @cached_property
    def top(self) -> list[Item]:
        return items("top", self._request)

    @cached_property
    def account(self) -> list[Item]:
        return items("account", self._request)

    @cached_property
    def tabs(self) -> list[Item]:
        """The tabs of a signed-in resident, else the public ones."""
        user = getattr(self._request, "user", None)
        if user is not None and user.is_authenticated and self.resident:
            return self.resident
        return self.public

    @cached_property
    def desk_entry(self) -> Item | None:
        """The way from a resident page to the desk, for those who have one."""
        return self.desk[0] if self.desk else None
