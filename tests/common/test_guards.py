"""What an app declares as append-only is refused by the database, and is put back whatever a migration does to it."""

from __future__ import annotations

import io

import pytest
from django.core.checks import Error
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import DatabaseError, IntegrityError, connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader

from timebank.common import contract, guards
from timebank.common.guards import Function, Guarded, GuardSet, Trigger

POSTGRES = connection.vendor == "postgresql"
TABLE = "django_site"  # a table of nobody's, with a unique column besides its key

LOCKED = GuardSet(lambda: [Guarded(TABLE, because="sites stay")])
PARTLY = GuardSet(
    lambda: [
        Guarded(
            TABLE,
            frozen=("domain",),
            frozen_when="OLD.name = 'closed'",
            moves=("name", {"open": ("closed",), "closed": ()}),
            deletable=True,
        )
    ]
)


def _run(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _refused(statement, *values):
    with pytest.raises(DatabaseError) as refused:
        _run(statement, *values)
    return str(refused.value)


@pytest.fixture
def site(db):
    _run(f"DELETE FROM {TABLE}")
    _run(f"INSERT INTO {TABLE} (id, domain, name) VALUES (1, 'a.example', 'open'), (2, 'b.example', 'other')")
    connection.check_constraints()


def test_nothing_of_a_guarded_table_changes(site):
    assert LOCKED.install() == 3
    replace = f"REPLACE INTO {TABLE} (id, domain, name) VALUES"
    for statement in (
        f"UPDATE {TABLE} SET name = 'x'",
        f"UPDATE {TABLE} SET name = name WHERE id = 1",
        f"DELETE FROM {TABLE}",
        *([f"TRUNCATE {TABLE} CASCADE"] if POSTGRES else []),
        *([] if POSTGRES else [f"{replace} (1, 'c.example', 'x')", f"{replace} (3, 'a.example', 'x')"]),
    ):
        assert "sites stay" in _refused(statement)
    assert _run(f"INSERT INTO {TABLE} (id, domain, name) VALUES (3, 'c.example', 'new')") == 1
    with pytest.raises(IntegrityError):
        _run(f"INSERT INTO {TABLE} (id, domain, name) VALUES (4, 'c.example', 'new')")


def test_without_the_guard_all_of_that_works(site):
    LOCKED.install()
    LOCKED.remove()
    assert _run(f"UPDATE {TABLE} SET name = 'x'") == 2
    assert _run(f"DELETE FROM {TABLE}") == 2


def test_frozen_columns_and_forbidden_moves_are_refused_and_the_rest_goes_on(site):
    PARTLY.install()
    assert _run(f"UPDATE {TABLE} SET domain = 'x.example', name = 'open' WHERE id = 1") == 1
    assert _run(f"UPDATE {TABLE} SET name = 'closed' WHERE id = 1") == 1
    _refused(f"UPDATE {TABLE} SET domain = 'y.example' WHERE id = 1")
    _refused(f"UPDATE {TABLE} SET name = 'open' WHERE id = 1")
    assert _run(f"UPDATE {TABLE} SET domain = domain, name = name WHERE id = 1") == 1  # as save() writes it
    assert _run(f"UPDATE {TABLE} SET name = 'anything' WHERE id = 2") == 1
    assert _run(f"DELETE FROM {TABLE} WHERE id = 2") == 1


def test_an_update_does_not_replace_another_row_either(site):
    PARTLY.install()
    if POSTGRES:  # it knows no REPLACE: the unique column itself refuses
        _refused(f"UPDATE {TABLE} SET id = 1 WHERE id = 2")
        return
    _refused(f"UPDATE OR REPLACE {TABLE} SET domain = 'a.example' WHERE id = 2")
    _refused(f"UPDATE OR REPLACE {TABLE} SET id = 1 WHERE id = 2")
    assert _run(f"UPDATE {TABLE} SET domain = 'z.example' WHERE id = 2") == 1


def test_a_lost_a_changed_and_a_weakened_trigger_are_missing_and_put_back(site):
    LOCKED.install()
    assert LOCKED.missing() == []
    name = "django_no_delete" if POSTGRES else f"{TABLE}_no_delete"
    drop = f"DROP TRIGGER {name}" + (f" ON {TABLE}" if POSTGRES else "")
    weak = f"CREATE TRIGGER {name} BEFORE DELETE ON {TABLE} FOR EACH ROW WHEN (OLD.id = 99) " + (
        "EXECUTE FUNCTION django_refuse()" if POSTGRES else "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    for statements in ([drop], [drop, weak]):
        for statement in statements:
            _run(statement)
        assert LOCKED.missing() == [(TABLE, name)]
        assert LOCKED.install() == 1
        assert LOCKED.missing() == []
        _refused(f"DELETE FROM {TABLE}")


@pytest.mark.pg_only("a trigger can be switched off, a function emptied")
def test_what_was_switched_off_or_emptied_is_missing(site):
    LOCKED.install()
    _run(f"ALTER TABLE {TABLE} DISABLE TRIGGER django_no_update")
    assert LOCKED.missing() == [(TABLE, "django_no_update")]
    _run("CREATE OR REPLACE FUNCTION django_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$")
    assert ("function", "django_refuse") in LOCKED.missing()
    LOCKED.install()
    assert LOCKED.missing() == []
    _refused(f"DELETE FROM {TABLE}")


def test_a_changed_declaration_replaces_its_trigger(site):
    LOCKED.install()
    looser = GuardSet(lambda: [Guarded(TABLE, because="sites really stay")])
    assert len(looser.missing()) == len(LOCKED.wanted())
    looser.install()
    assert "sites really stay" in _refused(f"DELETE FROM {TABLE}")
    assert looser.missing() == []


def test_triggers_and_functions_of_an_app_stand_beside(site):
    own = GuardSet(
        lambda: [
            Function(
                "CREATE OR REPLACE FUNCTION django_short() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "IF length(NEW.name) > 10 THEN RAISE EXCEPTION 'too long' USING ERRCODE = "
                "'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
            ),
            Trigger(
                "postgresql",
                TABLE,
                "short",
                f"CREATE TRIGGER short BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION django_short()",
            ),
            Trigger(
                "sqlite",
                TABLE,
                "short",
                f"CREATE TRIGGER short BEFORE INSERT ON {TABLE} WHEN length(NEW.name) > 10 "
                "BEGIN SELECT RAISE(ABORT, 'too long'); END",
            ),
            Trigger("postgresql" if POSTGRES else "sqlite", "no_such_table", "never", "nonsense"),
        ]
    )
    assert own.install() == 1
    with pytest.raises(IntegrityError, match="too long"):
        _run(f"INSERT INTO {TABLE} (id, domain, name) VALUES (9, 'x.example', 'far too long a name')")
    assert own.missing() == []


def test_a_table_without_a_model_must_name_its_keys(db):
    assert GuardSet(lambda: [Guarded("django_migrations", unique=(("id",),))]).wanted()
    if not POSTGRES:
        with pytest.raises(LookupError, match="django_migrations"):
            GuardSet(lambda: [Guarded("django_migrations")]).wanted()


# -- What our apps declare ---------------------------------------------------------------------------------------------
def _tables():
    return sorted({one.table for one in contract.items("append_only") if isinstance(one, Guarded)})


def test_every_declared_table_exists_and_is_guarded(db):
    assert set(_tables()) <= guards.ALL.tables("default")
    assert {"common_event", "ledger_transfer", "registry_auditentry", "service_record", "service_recordchange"} <= set(
        _tables()
    )
    assert guards.ALL.missing() == []
    assert guards.check(None, databases=["default"]) == []


def _migrated(app, operation):
    loader = MigrationLoader(connection)
    state = loader.project_state([node for node in loader.graph.leaf_nodes() if node[0] == app])
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default")
    with connection.schema_editor() as editor:
        after = state.clone()
        operation.state_forwards(app, after)
        operation.database_forwards(app, editor, state, after)
    lost = guards.ALL.missing()
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    return lost


CHANGES = {
    "service_record": (
        "service",
        migrations.AlterField("record", "title", models.CharField(max_length=321, blank=True)),
    ),
    "registry_auditentry": (
        "registry",
        migrations.AlterField("auditentry", "action", models.CharField(max_length=123)),
    ),
    "registry_rolegrant": ("registry", migrations.AlterField("rolegrant", "role", models.CharField(max_length=77))),
    "service_recordchange": ("service", migrations.AddField("recordchange", "x", models.IntegerField(default=0))),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", CHANGES)
def test_a_migration_that_changes_a_table_does_not_take_its_guard(table):
    lost = _migrated(*CHANGES[table])
    if not POSTGRES:
        assert table in {where for where, _name in lost}, "SQLite kept its triggers: this test proves nothing"
    assert guards.ALL.missing() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.pg_only("SQLite remakes the table")
def test_a_column_that_a_trigger_names_can_be_altered():
    change = migrations.AlterField("record", "rule", models.CharField(max_length=300, blank=True))
    with pytest.raises(DatabaseError, match="used in a trigger"), connection.schema_editor() as editor:
        state = MigrationLoader(connection).project_state()
        after = state.clone()
        change.state_forwards("service", after)
        change.database_forwards("service", editor, state, after)
    assert ("service_record", "service_no_update") in _migrated("service", change)
    assert guards.ALL.missing() == []


def test_audit_entries_are_not_deleted_on_any_database(db):
    from timebank.registry.models import AuditEntry

    AuditEntry.objects.create(action="x", subject="y:1")
    connection.check_constraints()
    for statement in ("DELETE FROM registry_auditentry", "UPDATE registry_auditentry SET action = 'z'"):
        assert "audit entries are never changed" in _refused(statement)
    assert AuditEntry.objects.count() == 1
    guards.ALL.remove(tables=["registry_auditentry"])
    assert _run("DELETE FROM registry_auditentry") == 1  # without the guard it works
    guards.ALL.install()


def test_the_check_names_what_is_missing_and_migrate_puts_it_back(db):
    connection.check_constraints()
    guards.ALL.remove(tables=["registry_auditentry"])
    gone = guards.ALL.missing()
    assert gone
    found = guards.check(None, databases=["default"])
    assert [(type(one), one.id) for one in found] == [(Error, "common.E001")] * len(gone)
    assert "registry_auditentry" in found[0].msg
    call_command("migrate", verbosity=0, interactive=False, skip_checks=False, stdout=io.StringIO())
    assert guards.ALL.missing() == []
