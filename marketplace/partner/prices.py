"""From Oscar's decimals to the ledger's integers, and the star discount."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from oscar.apps.partner.prices import FixedPrice

from marketplace.partner.errors import BadPrice


def points_of(value: Decimal | int | str) -> int:
    """Return ``value`` points as 1/100 points. Raises BadPrice when that is not a whole number."""
    hundredths = Decimal(value) * 100
    if hundredths != hundredths.to_integral_value():
        raise BadPrice(value=str(value))
    return int(hundredths)


def decimal_of(points: int) -> Decimal:
    """Return 1/100 points as the decimal that Oscar keeps."""
    return Decimal(points) / 100


def whole_steps(points: int, divisor: int = 1) -> int:
    """Return ``points`` (1/100) divided by ``divisor``, rounded up to the price step."""
    step = settings.POINT_PRICE_STEP
    return -(-points // (divisor * step)) * step


def discounted(points: int, percent: int) -> int:
    """Return ``points`` (1/100) less ``percent``, rounded up to the price step; never below one step unless free."""
    step = settings.POINT_PRICE_STEP
    return -(-points * (100 - percent) // (100 * step)) * step


class PointsPrice(FixedPrice):
    """What a resident pays, and what the list says. ``points`` and ``list_points`` are 1/100 points."""

    def __init__(self, *, list_points: int, percent: int = 0):
        self.list_points = list_points
        self.points = discounted(list_points, percent) if percent else list_points
        self.percent = percent
        super().__init__(currency="PTS", excl_tax=decimal_of(self.points), tax=Decimal("0.00"))

    @property
    def saved(self) -> int:
        return self.list_points - self.points

    @property
    def old_points(self) -> int | None:
        """List price when a discount lowers it, else None: what a page strikes through."""
        return self.list_points if self.saved else None
