"""The suite's own tools: what they promise to every other test."""

from __future__ import annotations

import logging

import pytest
from django.apps import apps
from django.contrib.sites.models import Site
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState

from tests.support import databases, races
from tests.support.quick_states import copied, quick_states


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


@pytest.fixture
def other_database(django_db_blocker):
    from django.db import connections

    connections.databases["other"] = {**connections.databases["default"], "ENGINE": "django.db.backends.sqlite3"}
    connections.databases["other"] |= {"NAME": ":memory:", "OPTIONS": {}}
    with django_db_blocker.unblock():
        yield connections["other"]
        connections["other"].close()
    del connections["other"], connections.databases["other"]


# Of each kind: models created in a row, relations of both sorts to them, fields and options changed later.
MIGRATED = ("auth", "django_celery_beat", "flatpages", "sites")


def _tables(database) -> list[tuple]:
    """Migrate some apps in an empty database; return its tables."""
    executor = MigrationExecutor(database)
    executor.migrate([leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] in MIGRATED])
    with database.cursor() as cursor:
        cursor.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        found = cursor.fetchall()
    database.close()  # it was in memory
    return found


def test_quick_states_make_the_same_tables(other_database, monkeypatch) -> None:
    rendered = []
    render = ModelState.render
    monkeypatch.setattr(ModelState, "render", lambda self, apps: rendered.append(self.name) or render(self, apps))
    plain, count = _tables(other_database), len(rendered)
    with quick_states():
        quick = _tables(other_database)
    assert len(plain) > 30
    assert quick == plain
    assert len(rendered) - count < count


def test_a_copied_field_is_as_one_built_again() -> None:
    fields = [field for state in ProjectState.from_apps(apps).models.values() for field in state.fields.values()]
    assert len(fields) > 1000
    for field in fields:
        if field.is_relation:
            assert isinstance(field.related_model, str)  # worked out and kept, as the state of the migrations does
        built, copy = field.clone(), copied(field)
        assert copy < built if field.auto_created else copy > built
        assert vars(copy).keys() == vars(built).keys()
        assert _plain(copy) == _plain(built)
        assert copy.validators == built.validators
        assert copy.validators is not field.validators


def _plain(field) -> tuple:
    """Return what a field says of itself and of its relation, without what is an object of its own."""
    relation = {key: value for key, value in vars(field.remote_field or object).items() if key != "field"}
    return field.deconstruct()[1:], {**relation} if field.remote_field else None
