"""Kept figures: read without adding up again, refreshed by the sweep, one bad place stops no other."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from timebank.common import figures, sweeps
from timebank.common.models import KeptFigure

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted() -> tuple[figures.Figure, list[str]]:
    asked: list[str] = []

    def compute(scope: str) -> int:
        if scope == "broken":
            raise ZeroDivisionError
        asked.append(scope)
        return len(asked)

    return figures.Figure("test", compute, every=60), asked


def test_the_first_reader_waits_and_the_next_reads_one_row(counted, django_assert_num_queries):
    figure, asked = counted
    assert figures.read(figure, "a").value == 1
    with django_assert_num_queries(1):
        assert figures.read(figure, "a").value == 1
    assert asked == ["a"]


@pytest.mark.django_db(transaction=True)
def test_the_sweep_renews_what_is_old_and_a_bad_place_stops_no_other(counted):
    figure, asked = counted
    for scope in ("a", "b"):
        figures.read(figure, scope)
    KeptFigure.objects.create(name="test", scope="broken", value=0)
    sweep = figures.sweep_of(figure)
    assert sweeps.run(sweep).handled == 0  # all young
    KeptFigure.objects.update(computed_at=timezone.now() - dt.timedelta(minutes=2))
    report = sweeps.run(sweep)
    assert (report.handled, report.failed) == (2, 1)
    assert asked == ["a", "b", "a", "b"]
    assert {figures.read(figure, scope).value for scope in ("a", "b")} == {3, 4}
    assert sweeps.run(sweep, at_once=True).failed == 1  # and again, until it succeeds
