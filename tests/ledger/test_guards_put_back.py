"""A trigger that was lost is put back word for word as the migration had made it, and only what was lost is."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from timebank.ledger import guards

POSTGRES = connection.vendor == "postgresql"


def standing():
    """Read the triggers as the database keeps them: (table, name) → its statement, and whether it is armed."""
    with connection.cursor() as cursor:
        if POSTGRES:
            cursor.execute(
                "SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text FROM pg_trigger t "
                "JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relname LIKE 'ledger%' AND NOT t.tgisinternal"
            )
        else:
            cursor.execute("SELECT tbl_name, name, sql, '' FROM sqlite_master WHERE type = 'trigger'")
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall() if row[0].startswith("ledger")}


@pytest.fixture
def made_by_migration(db):
    connection.check_constraints()
    return standing()


def test_all_triggers_are_put_back_as_they_were(made_by_migration):
    guards.remove()
    assert not standing()
    assert set(guards.missing()) == set(made_by_migration)
    assert guards.missing() == sorted(made_by_migration)
    assert guards.install() == len(made_by_migration)
    assert standing() == made_by_migration
    assert guards.missing() == []
    assert guards.present() == set(made_by_migration)


def test_nothing_is_put_back_where_nothing_is_missing(made_by_migration):
    assert guards.install() == 0
    assert standing() == made_by_migration


@pytest.mark.parametrize("table", [guard.table for guard in guards.TABLES])
def test_the_triggers_of_one_table_are_taken_away_and_put_back(made_by_migration, table):
    guards.remove(tables=[table])
    gone = {one for one in made_by_migration if one not in standing()}
    assert {one[0] for one in gone} >= {table}
    assert all(one[0].startswith(table) for one in gone)
    assert guards.install() == len(gone)
    assert standing() == made_by_migration


def test_tables_may_be_told_one_by_one(made_by_migration):
    guards.remove(tables=iter(["ledger_lot", "ledger_hold"]))
    gone = {one for one in made_by_migration if one not in standing()}
    assert gone == {one for one in made_by_migration if one[0] in {"ledger_lot", "ledger_hold"}}
    guards.install()


def test_one_lost_trigger_is_put_back_alone(made_by_migration):
    table, name = min(one for one in made_by_migration if one[0] == "ledger_seal")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if POSTGRES else ""))
    assert guards.missing() == [(table, name)]
    assert guards.install() == 1
    assert standing() == made_by_migration


def test_a_trigger_of_somebody_elses_is_not_ours(made_by_migration):
    with connection.cursor() as cursor:
        if POSTGRES:
            cursor.execute("CREATE TRIGGER audit BEFORE DELETE ON django_session EXECUTE FUNCTION ledger_refuse()")
        else:
            cursor.execute("CREATE TRIGGER audit BEFORE DELETE ON django_session BEGIN SELECT 1; END")
    assert guards.present() == set(made_by_migration)
    guards.remove()
    with connection.cursor() as cursor:  # it still stands
        cursor.execute("DROP TRIGGER audit" + (" ON django_session" if POSTGRES else ""))
    guards.install()


def test_tables_that_are_not_all_there_are_not_guarded(made_by_migration, monkeypatch):
    present = guards.tables_present("default")
    guards.remove(tables=["ledger_anchor"])
    monkeypatch.setattr(guards, "tables_present", lambda alias: present - {"ledger_unsealed"})
    assert guards.install() == 0
    monkeypatch.setattr(guards, "tables_present", lambda alias: present)
    assert guards.install() > 0
    assert {guard.table for guard in guards.TABLES} <= present


@pytest.mark.pg_only("functions of triggers")
def test_a_function_that_was_weakened_is_made_anew(made_by_migration):
    def body(name):
        with connection.cursor() as cursor:
            cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [name])
            return cursor.fetchone()[0]

    before = body("ledger_refuse")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
        )
    guards.install()
    assert body("ledger_refuse") == before


def test_what_is_put_back_refuses_in_the_same_words(move):
    move("issuance", "li", 5)
    connection.check_constraints()
    guards.remove()
    guards.install()
    for statement, table in (
        ("UPDATE ledger_transfer SET memo = 'x'", "ledger_transfer"),
        ("DELETE FROM ledger_posting", "ledger_posting"),
        ("DELETE FROM ledger_unsealed", "ledger_unsealed"),
    ):
        with pytest.raises(DatabaseError, match="ledger: "), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE 1 = 1")
            assert cursor.fetchone()[0] > 0
