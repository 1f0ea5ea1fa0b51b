"""What grows with the county: so many statements for a town of two villages as for one of ten."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.desk import selectors
from marketplace.desk.scope import Scope
from marketplace.desk.statement import _add_up as add_up
from marketplace.desk.statement import behind_figure, statement_of
from tests.desk.test_shelf import trade
from timebank.registry import services as registry
from timebank.registry.models import Region


def statements_for(act: Any) -> int:
    with CaptureQueriesContext(connection) as seen:
        act()
    return len(seen)


@pytest.fixture
def town(village) -> Region:
    return above(village.place)


def above(region: Region) -> Region:
    return Region.objects.get(path=region.path[: -Region.steplen])


def grow(town: Region, people: int) -> None:
    for number in range(3):
        fields = {
            "code": f"9999{number:08d}",
            "name": f"新村{number}",
            "short_name": f"新村{number}",
            "level": "village",
        }
        place = Region.objects.add_child(Region.objects.get(pk=town.pk), create_kwargs=fields)
        for one in range(people):
            registry.register_resident(village=place, name=f"居民{number}{one}", actor=None)


def test_sums_of_a_town_send_the_same_whatever_its_size(village, town):
    trade(village)  # sums of nothing would agree whatever is counted
    scope = Scope(town)
    (month, *_older) = add_up(scope).months
    acts = {
        "outstanding": lambda: selectors.outstanding(scope),
        "statement": lambda: add_up(scope),
        "overview": lambda: selectors.overview(scope),
        "notice": lambda: list(selectors.notice_lists(scope)[:50]),
        "month": lambda: behind_figure(scope, month.month, "redeemed").points(),
    }
    before = {name: statements_for(act) for name, act in acts.items()}
    grow(town, 10)
    assert {name: statements_for(act) for name, act in acts.items()} == before
    assert before["outstanding"] == 2
    assert before["statement"] <= 15


def test_a_towns_statement_is_kept_and_says_since_when(village, town, django_assert_num_queries):
    trade(village)
    first = statement_of(Scope(town))
    assert first.totals["minted"] > 0
    with django_assert_num_queries(1):
        again = statement_of(Scope(town))
    assert again == first
    assert again.computed_at is not None
    assert statement_of(Scope(village.place)).computed_at is None


def test_a_county_reads_the_kept_sum(village, town, django_assert_num_queries):
    trade(village)
    county = Scope(above(town))
    assert selectors.outstanding(county) > 0
    assert selectors.outstanding(county) == selectors.outstanding(Scope(town))
    with django_assert_num_queries(1):
        selectors.outstanding(county)
