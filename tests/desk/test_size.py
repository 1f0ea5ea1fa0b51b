"""What grows with the county: so many statements for a town of two villages as for one of ten."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.desk import selectors
from marketplace.desk.months import MONTH, behind_figure, sums_of
from marketplace.desk.months import _add_up as add_up_month
from marketplace.desk.scope import Scope
from marketplace.desk.statement import _add_up as add_up
from marketplace.desk.statement import statement_of
from tests.desk.test_shelf import trade
from timebank.common import figures
from timebank.ledger import services as ledger
from timebank.ledger.models import Transfer
from timebank.ledger.types import Leg, TransferSpec
from timebank.registry import services as registry
from timebank.registry.models import Region, Resident


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
        "outstanding": lambda: selectors.OUTSTANDING.compute(town.path),
        "residents": lambda: selectors.RESIDENTS.compute(town.path),
        "statement": lambda: add_up(scope),
        "overview": lambda: selectors.overview(scope),
        "notice": lambda: list(selectors.notice_lists(scope)[:50]),
        "month": lambda: add_up_month(scope, month.month),
        "month's page": lambda: list(behind_figure(scope, month.month, "redeemed").rows[:50]),
    }
    selectors.active_residents(scope)  # the overview reads what is kept
    before = {name: statements_for(act) for name, act in acts.items()}
    grow(town, 10)
    assert {name: statements_for(act) for name, act in acts.items()} == before
    assert (before["outstanding"], before["residents"]) == (2, 1)
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
    assert selectors.outstanding(county).value > 0
    assert selectors.outstanding(county).value == selectors.outstanding(Scope(town)).value
    with django_assert_num_queries(2):
        selectors.outstanding(county)
        selectors.outstanding(Scope(town))


def test_a_towns_home_says_since_when_its_sums_stand_and_a_villages_does_not(village, town, enter):
    """The kept ones are renewed by the sweep: until then a new resident is not among them, and the page says so."""
    client = enter(village.town_admin)
    page = client.get(reverse("desk:home"), {"where": town.pk}).content.decode()
    assert page.count("as of ") == 2
    people = selectors.active_residents(Scope(town)).value
    registry.register_resident(village=village.place, name="新来的", actor=None)
    assert selectors.active_residents(Scope(town)).value == people
    assert sum(selectors.active_residents(Scope(village.place)).value.values()) == people[village.place.path] + 1
    figures.refresh(selectors.RESIDENTS, town.path)
    assert selectors.active_residents(Scope(town)).value[village.place.path] == people[village.place.path] + 1
    assert "as of " not in enter(village.admin).get(reverse("desk:home")).content.decode()


def test_a_towns_month_is_kept_and_whatever_comes_late_renews_it(village, town, monkeypatch):
    trade(village)
    scope = Scope(town)
    month = next(row.month for row in add_up(scope).months if row.minted)
    place = f"{town.path} {month:%Y-%m}"
    long_after = timezone.now() + dt.timedelta(days=200)
    sweep = figures.sweep_of(MONTH)

    def kept() -> tuple[dict[str, Any], dt.datetime | None]:
        sums = sums_of(scope, month)
        return {name: [sums.counts[name], sums.points[name]] for name in sums.counts}, sums.computed_at

    def late_record(key: str) -> None:
        resident = Resident.objects.filter(village=village.place, status="active").earliest("pk")
        leg = Leg(f"issuance:region:{village.place.pk}", resident.wallet_key, 700, expires_on=dt.date(2099, 1, 1))
        ledger.post(TransferSpec(key, "mint", (leg,), effective_on=month, source="test:1"))

    def sweep_at(hours: int) -> None:
        assert place in list(sweep.due(long_after + dt.timedelta(hours=hours)))
        sweep.handle(place, long_after + dt.timedelta(hours=hours))

    ledger.seal_all()
    figures.refresh(MONTH, place, long_after)
    assert kept() == (add_up_month(scope, month), long_after)
    assert kept()[0]["minted"][0] > 0
    sweep_at(1)  # nothing came: the past is not added up again
    assert kept()[1] == long_after

    late_record("late:1")  # not sealed yet
    sweep_at(2)
    assert kept() == (add_up_month(scope, month), long_after + dt.timedelta(hours=2))
    late_record("late:2")
    ledger.seal_all()  # sealed before the sweep looks
    sweep_at(3)
    assert kept()[0] == add_up_month(scope, month)

    minted = Transfer.objects.get(key="late:2")
    ledger.reverse(minted.pk, key="late:2:back", reason="error", actor="test")  # in the month of today, not in this
    this_month = timezone.localdate().replace(day=1)
    figures.refresh(MONTH, f"{town.path} {this_month:%Y-%m}")
    assert sums_of(scope, this_month).points["minted"] == add_up_month(scope, this_month)["minted"][1] < 0

    late_record("late:3")
    blind = figures.Figure(MONTH.name, MONTH.compute, MONTH.every, still_true=lambda *_seen: True)
    figures.sweep_of(blind).handle(place, long_after + dt.timedelta(hours=4))
    assert kept()[0] != add_up_month(scope, month)  # without the look at what was posted since, it would be wrong
    resident = Resident.objects.filter(village=village.place, status="active").earliest("pk")
    ledger.seal_all()
    figures.refresh(MONTH, place, long_after)
    elsewhere = Region.objects.filter(level="village").exclude(path__startswith=town.path).earliest("pk")
    Resident.objects.filter(pk=resident.pk).update(village=elsewhere)  # a move shows with the day
    sweep_at(25)
    assert kept()[0] == add_up_month(scope, month)
