"""The village of the path stands, with the points it is said to have."""

from __future__ import annotations

import pytest

from tests.factories import village as seed

pytestmark = pytest.mark.django_db


def test_village_has_the_points_it_begins_with():
    made = seed.build()
    assert seed.points(made.resident) == 1000
    assert seed.points(made.grandmother) == 1500
    assert seed.points(made.nephew) == 0
    assert (made.bath_ticket.price, made.soap.price) == (10, 5)
    assert made.soap.net_stock_level == 50
    assert made.bath_ticket.partner == made.bath
