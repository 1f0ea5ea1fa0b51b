"""The menus are data: every app registers its entries in ``AppConfig.ready``, the base pages show what is allowed.

Areas: ``resident`` (tabs), ``public`` (signed out), ``desk`` (village desk, counter), ``top`` (icons in the top bar).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property

AREAS = ("resident", "public", "desk", "top")


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered place in a menu."""

    area: str
    key: str
    label: Any
    url_name: str
    icon: str
    order: int
    visible: Callable[[HttpRequest], bool] | None
    match: tuple[str, ...]
    count: Callable[[HttpRequest], int] | None
    group: Any


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


_entries: dict[tuple[str, str], Entry] = {}


def register(
    area: str,
    key: str,
    label: Any,
    url_name: str,
    icon: str,
    order: int = 50,
    visible: Callable[[HttpRequest], bool] | None = None,
    *,
    match: tuple[str, ...] = (),
    count: Callable[[HttpRequest], int] | None = None,
    group: Any = "",
) -> None:
    """Put an entry into a menu; the same key again replaces it (``ready`` may run twice)."""
    if area not in AREAS:
        raise ValueError(f"unknown menu area {area!r}, one of {AREAS}")
    _entries[area, key] = Entry(area, key, label, url_name, icon, order, visible, match, count, group)


def unregister(area: str, key: str) -> None:
    """Take an entry out again (tests)."""
    _entries.pop((area, key), None)


def _closeness(entry: Entry, view_name: str, namespaces: list[str]) -> int:
    """Rank how well an entry fits the page: its own view, a named match, its namespace, or not at all."""
    if not view_name:
        return 0
    if view_name == entry.url_name:
        return 4
    if view_name in entry.match:
        return 3
    joined = ":".join(namespaces)
    if joined and joined in entry.match:
        return 2
    if joined and entry.url_name.rpartition(":")[0] == joined:
        return 1
    return 0


def items(area: str, request: HttpRequest) -> list[Item]:
    """Return the entries of an area that exist and that this visitor may see, at most one of them active."""
    match = getattr(request, "resolver_match", None)
    view_name = match.view_name if match else ""
    namespaces = list(match.namespaces) if match else []
    shown: list[Item] = []
    best, best_rank = None, 0
    for entry in sorted((e for (a, _key), e in _entries.items() if a == area), key=lambda e: (e.order, e.key)):
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        if entry.visible is not None and not entry.visible(request):
            continue
        item = Item(entry.key, entry.label, url, entry.icon, group=entry.group)
        item.count = entry.count(request) if entry.count else 0
        shown.append(item)
        rank = _closeness(entry, view_name, namespaces)
        if rank > best_rank:
            best, best_rank = item, rank
    if best is not None:
        best.active = True
    return shown


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
