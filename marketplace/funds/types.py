"""What the funds are told about tickets, and what they answer: plain values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handed:
    """A ticket as the funds know it. ``n`` counts its hand-overs, ``on`` is the day of what happens now."""

    ticket_id: int
    n: int
    stockrecord_id: int
    partner_id: int
    product_id: int
    village_id: int
    age: int | None
    quantity: int
    on: dt.date


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line that somebody wants to redeem."""

    stockrecord_id: int
    partner_id: int
    product_id: int
    quantity: int
    is_stocked: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """How a fund covers its points: fen, points in 1/100, ratio in 1/100 % (None: no points outstanding)."""

    free: int
    shortfall: int
    purposes: int
    stock: int
    gifts: int
    commitments: int
    earmarked: int
    points: int
    expiring: int
    point_value: int

    @property
    def cover(self) -> int:
        """Money, goods and services that stand behind the points."""
        return self.free + self.shortfall + self.purposes + self.stock + self.gifts - self.commitments

    @property
    def liability(self) -> int:
        """Value of the points, rounded up."""
        return -(-self.points * self.point_value // 100)

    @property
    def bp(self) -> int | None:
        """Cover over liability in 1/100 %, rounded down; nothing when nothing is outstanding."""
        return 10000 * self.cover // self.liability if self.liability else None
