"""Postings are kept in partitions on PostgreSQL and in one plain table on SQLite."""

from __future__ import annotations

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from timebank.ledger import partitions
from timebank.ledger.partitions import ROWS_PER_PARTITION, CreatePartitionedModel, ensure_partitions, partitions_of

POSTGRES = connection.vendor == "postgresql"


class Nowhere:
    """A router that lets no table be made."""

    def allow_migrate(self, db, app_label, **hints):
        return False


def create(name="Slip"):
    """Make the model's table as a migration does; return the table."""
    fields = [("id", models.BigAutoField(primary_key=True)), ("words", models.CharField(max_length=9, db_index=True))]
    options = {"constraints": [models.CheckConstraint(condition=~models.Q(words=""), name="ledger_slip_words")]}
    operation = CreatePartitionedModel(name, fields, options)
    assert isinstance(operation, migrations.CreateModel)
    before = ProjectState()
    after = before.clone()
    operation.state_forwards("ledger", after)
    with connection.schema_editor(atomic=connection.features.can_rollback_ddl) as editor:
        operation.database_forwards("ledger", editor, before, after)
    return f"ledger_{name.lower()}"


def tables():
    return {one for one in connection.introspection.table_names() if one.startswith("ledger_slip")}


def constraints(table):
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, table)


@pytest.mark.django_db(transaction=True)
def test_a_partitioned_model_has_its_rows_constraints_and_indexes():
    table = create()
    found = constraints(table)
    assert found["ledger_slip_words"]["check"]
    assert any(one["index"] and one["columns"] == ["words"] for one in found.values())
    assert any(one["primary_key"] and one["columns"] == ["id"] for one in found.values())
    assert partitions_of(table) == ([f"{table}_p0", f"{table}_p1", f"{table}_p2"] if POSTGRES else [])
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} (id, words) VALUES (7, 'one')")
        cursor.execute(f"SELECT words FROM {table}")
        assert cursor.fetchall() == [("one",)]


@pytest.mark.django_db(transaction=True)
def test_where_a_router_allows_no_table_none_is_made(settings):
    settings.DATABASE_ROUTERS = [Nowhere()]
    create()
    assert tables() == set()


if not POSTGRES:

    def test_without_partitions_there_is_nothing_to_list_or_to_make(db, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert partitions_of("ledger_posting") == []
            assert ensure_partitions(newest=10 * ROWS_PER_PARTITION) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.pg_only("partitions")
class TestOnPostgres:
    """What the sealer and every migration rely on."""

    def test_two_stand_ready_beyond_the_newest_id(self):
        assert partitions_of("ledger_posting") == [f"ledger_posting_p{number}" for number in range(3)]
        assert ensure_partitions() == 0
        assert ensure_partitions(newest=ROWS_PER_PARTITION - 1) == 0
        assert ensure_partitions(newest=ROWS_PER_PARTITION) == 1
        assert ensure_partitions(newest=ROWS_PER_PARTITION) == 0
        assert ensure_partitions(newest=ROWS_PER_PARTITION * 3) == 2
        assert partitions_of("ledger_posting") == [f"ledger_posting_p{number}" for number in range(6)]

    def test_eleven_are_listed_by_number_not_by_letters(self):
        ensure_partitions(newest=9 * ROWS_PER_PARTITION)
        assert partitions_of("ledger_posting") == [f"ledger_posting_p{number}" for number in range(12)]

    def test_a_table_without_partitions_has_none_and_is_not_given_those_of_another(self):
        assert partitions_of("ledger_lot") == []
        assert partitions_of("no_such_table") == []

    def test_the_newest_id_is_read_from_the_rows(self, monkeypatch):
        monkeypatch.setattr(partitions, "ROWS_PER_PARTITION", 10)
        table = create()
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} (id, words) VALUES (5, 'a'), (25, 'b')")
        assert ensure_partitions(table) == 2
        assert partitions_of(table) == [f"{table}_p{number}" for number in range(5)]

    def test_each_holds_exactly_its_range(self, monkeypatch):
        monkeypatch.setattr(partitions, "ROWS_PER_PARTITION", 10)
        table = create()
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} (id, words) VALUES (0, 'a'), (9, 'b'), (10, 'c'), (29, 'd')")
            cursor.execute(f"SELECT tableoid::regclass::text, id FROM {table} ORDER BY id")
            assert cursor.fetchall() == [
                (f"{table}_p0", 0),
                (f"{table}_p0", 9),
                (f"{table}_p1", 10),
                (f"{table}_p2", 29),
            ]

    def test_a_partition_keeps_the_constraints_and_defaults_of_the_whole(self):
        ensure_partitions(newest=ROWS_PER_PARTITION)
        whole, part = constraints("ledger_posting"), constraints("ledger_posting_p3")
        checks = {name for name, one in whole.items() if one["check"]}
        assert checks
        assert checks <= part.keys()
