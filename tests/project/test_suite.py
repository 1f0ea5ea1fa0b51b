"""The suite's own tools: what they promise to every other test."""

from __future__ import annotations

import logging

import pytest
from django.contrib.sites.models import Site
from django.db import connection, transaction

from tests.support import databases, races


@pytest.mark.django_db
def test_database_is_the_one_asked_for() -> None:
    assert connection.vendor == databases.kind()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_case", ["first", "second"])
def test_committed_rows_are_gone_in_the_next_test(_case: str) -> None:
    assert not Site.objects.filter(domain="left.example").exists()
    Site.objects.create(domain="left.example", name="left")


@pytest.mark.pg_only("two writers wait for each other on a row lock")
@pytest.mark.django_db(transaction=True)
def test_race_really_runs_in_parallel_and_locks_decide() -> None:
    site = Site.objects.create(domain="race.example", name="0")

    def careless(number: int) -> None:
        name = Site.objects.get(pk=site.pk).name
        connection.cursor().execute("SELECT pg_sleep(0.05)")
        Site.objects.filter(pk=site.pk).update(name=str(int(name) + 1))

    def careful(number: int) -> None:
        with transaction.atomic():
            locked = Site.objects.select_for_update().get(pk=site.pk)
            locked.name = str(int(locked.name) + 1)
            locked.save()

    races.run_concurrently(careless, 6).raise_unless()
    site.refresh_from_db()
    assert int(site.name) < 6, "without a lock updates must get lost, or this machine shows no races at all"
    Site.objects.filter(pk=site.pk).update(name="0")
    races.run_concurrently(careful, 6).raise_unless()
    site.refresh_from_db()
    assert site.name == "6"


def test_race_collects_results_and_errors(transactional_db: None) -> None:
    def body(number: int) -> int:
        if number == 2:
            raise ValueError(number)
        return number

    outcome = races.run_concurrently(body, 4)
    assert outcome.results == [0, 1, 3]
    assert [str(error) for error in outcome.of(ValueError)] == ["2"]
    with pytest.raises(ValueError, match="2"):
        outcome.raise_unless(KeyError)


@pytest.mark.django_db
def test_query_budget_fails_and_shows_the_statements(query_budget) -> None:
    with query_budget(1):
        Site.objects.count()
    with pytest.raises(pytest.fail.Exception, match="2 statements, not 1"), query_budget(1):
        Site.objects.count()
        Site.objects.count()
    with pytest.raises(pytest.fail.Exception, match="0 statements, not 1"), query_budget(1):
        pass


@pytest.mark.logs_error("shows that a marked test may")
def test_marked_test_may_log_an_error() -> None:
    logging.getLogger("shanji").error("on purpose")


@pytest.mark.parametrize("turn", [1, 2])
def test_the_language_of_one_test_is_not_that_of_the_next(turn):
    from django.conf import settings
    from django.utils import translation

    assert translation.get_language() == settings.LANGUAGE_CODE
    translation.activate("en" if settings.LANGUAGE_CODE != "en" else "zh-hans")
