"""Tiles of the desk's first page: a figure, what it means, where it leads. Apps declare them (``desk_tiles``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a tile shows now. ``value`` is text or a whole number; ``tone``: "", good, warn, bad, wheat."""

    value: int | str
    tone: str = ""
    note: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile: for whom (any of ``actions`` in the region), and ``measure(user, region)`` that works it out.

    ``is_work``: the figure counts what waits for who has the office; a successor is told of it.
    """

    key: str
    label: Any
    icon: str
    actions: tuple[str, ...]
    measure: Callable[[Any, Any], Figure]
    order: int = 50
    is_work: bool = True
