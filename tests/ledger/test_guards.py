"""History refuses to be changed: on both databases, for every table, after every kind of migration."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.checks import Error
from django.db import DatabaseError, connection, migrations, models, transaction
from django.db.migrations.state import ProjectState
from django.utils import timezone

from tests.ledger.conftest import LATER, SOON
from timebank.common import guards as common_guards
from timebank.ledger import guards
from timebank.ledger import services as ledger
from timebank.ledger.errors import NotSealable

POSTGRES = connection.vendor == "postgresql"


@pytest.fixture
def filled(move):
    """Have a row in every table."""
    ledger.reverse(move("issuance", "wang", 5, until=SOON).id, key="r", reason="", actor="")
    move("issuance", "li", 500, until=SOON)
    paid = move("li", "shop", 100)
    ledger.refund(paid.id, amount=10, key="refund", reason="", actor="")
    soon = timezone.now() + dt.timedelta(hours=1)
    held = ledger.hold(key="hold", wallet="li", amount=20, expires_at=soon)
    ledger.release(held.pk, key="release", actor="")
    made = ledger.seal()
    ledger.anchor(number=made.number, place="notice board")
    move("issuance", "li", 1, until=LATER)


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return cursor.fetchall()


def refused(statement, params=()):
    """Return what the database says; None when it did as told."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, params)
    except DatabaseError as error:
        return str(error)
    return None


def assert_refused(statement, table, params=()):
    before = rows(table)
    assert before, f"{table} is empty: the test would prove nothing"
    said = refused(statement, params)
    assert said is not None, f"accepted: {statement}"
    assert "ledger" in said, said
    assert rows(table) == before


TABLES = [guard.table for guard in guards.TABLES]
UPDATES = [
    ("ledger_transfer", "memo = 'other'"),
    ("ledger_transfer", "effective_on = '2001-01-01'"),
    ("ledger_posting", "amount = amount + 1"),
    ("ledger_posting", "credit_id = debit_id, debit_id = credit_id"),
    ("ledger_posting", "debit_balance = 1"),
    ("ledger_posting", "amount = amount"),
    ("ledger_account", "key = key || 'x'"),
    ("ledger_account", "floor = -100000"),
    ("ledger_account", "unit = 2"),
    ("ledger_account", "balance = balance + 1 WHERE guarded"),
    ("ledger_account", "debt = debt + 1 WHERE guarded"),
    ("ledger_lot", "expires_on = '2199-01-01'"),
    ("ledger_lot", "restriction = 'food'"),
    ("ledger_hold", "amount = 1"),
    ("ledger_hold", "expires_at = '2199-01-01 00:00:00'"),
    ("ledger_holdresolution", "captured = 1"),
    ("ledger_refundtotal", "cap = cap + 1000"),
    ("ledger_refundtotal", "refunded = refunded - 1"),
    ("ledger_seal", "root = 'x'"),
    ("ledger_sealmember", "position = 99"),
    ("ledger_checkpoint", "credit_total = 0"),
    ("ledger_anchor", "digest = 'x'"),
    ("ledger_unsealed", "transfer_id = 999999"),
]


@pytest.mark.parametrize(("table", "change"), UPDATES)
def test_update_is_refused(filled, table, change):
    assert_refused(f"UPDATE {table} SET {change}", table)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("ledger_lot", "remaining = remaining + 1"),
        ("ledger_lot", "remaining = 0"),
        ("ledger_account", "balance = balance + 1, version = version + 1 WHERE guarded"),
    ],
)
def test_balance_and_lots_change_only_together(filled, table, change):
    assert_refused(f"UPDATE {table} SET {change}", table)


def test_a_lot_out_of_nothing_is_refused(filled):
    assert_refused(
        "INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining) "
        "SELECT id, '2098-01-01', '', 5 FROM ledger_account WHERE key = 'li'",
        "ledger_lot",
    )


@pytest.mark.parametrize("table", TABLES)
def test_delete_is_refused(filled, table):
    assert_refused(f"DELETE FROM {table}", table)
    assert_refused(f"DELETE FROM {table} WHERE 1 = 1", table)


@pytest.mark.pg_only("SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", TABLES)
def test_truncate_is_refused(filled, table):
    assert_refused(f"TRUNCATE {table} CASCADE", table)


@pytest.mark.pg_only("partitions")
def test_partitions_refuse_like_the_whole(filled):
    assert_refused("TRUNCATE ledger_posting_p0", "ledger_posting")
    assert_refused("UPDATE ledger_posting_p0 SET amount = 1", "ledger_posting")
    assert_refused("DELETE FROM ledger_posting_p0", "ledger_posting")


@pytest.mark.pg_only("replication role")
def test_a_replica_session_is_refused_too(filled):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    for table in TABLES:
        assert_refused(f"DELETE FROM {table}", table)
        assert_refused(f"TRUNCATE {table} CASCADE", table)
    assert_refused("UPDATE ledger_posting SET amount = 1", "ledger_posting")
    assert_refused("DELETE FROM ledger_posting_p0", "ledger_posting")


@pytest.mark.parametrize("table", TABLES)
def test_upsert_does_not_get_in_by_the_back_door(filled, table):
    key = guards.TABLES[TABLES.index(table)].unique[0][0]
    assert_refused(
        f"INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT ({key}) "
        f"DO UPDATE SET {key} = excluded.{key}",
        table,
    )


if not POSTGRES:

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("verb", ["REPLACE INTO", "INSERT OR REPLACE INTO"])
    def test_replace_is_refused(filled, table, verb):
        assert_refused(f"{verb} {table} SELECT * FROM {table}", table)

    def test_update_or_replace_is_refused(filled):
        assert_refused("UPDATE OR REPLACE ledger_transfer SET id = 1", "ledger_transfer")


IMPOSSIBLE = [
    ("an unbalanced or empty row", "amount", 0),
    ("a negative amount", "amount", -5),
    ("both sides the same", "credit_id", "debit_id"),
    ("another unit", "unit", 2),
    ("a wallet side without a running balance", "debit_balance", None),
]


@pytest.mark.parametrize(("what", "column", "value"), IMPOSSIBLE)
def test_rows_that_must_never_be_are_refused(filled, what, column, value):
    columns = [one.column for one in guards_model("ledger_posting")._meta.fields if one.column != "id"]
    chosen = [
        "%s" if one == column and value != "debit_id" else ("debit_id" if one == column else one) for one in columns
    ]
    params = [] if value == "debit_id" else [value]
    said = refused(
        f"INSERT INTO ledger_posting ({', '.join(columns)}) SELECT {', '.join(chosen)} FROM ledger_posting "
        "WHERE debit_version IS NOT NULL LIMIT 1",
        params,
    )
    assert said is not None, what


def guards_model(table):
    from django.apps import apps

    return next(model for model in apps.get_app_config("ledger").get_models() if model._meta.db_table == table)


def test_balance_below_the_floor_is_refused_by_the_database(filled):
    assert refused("UPDATE ledger_account SET balance = -1 WHERE key = 'li'")
    assert refused("UPDATE ledger_account SET debt = -1 WHERE key = 'li'")
    assert refused("UPDATE ledger_account SET balance = 5 WHERE key = 'shop'"), "a system account keeps no balance"
    assert refused("UPDATE ledger_lot SET remaining = -1")


def test_a_second_reversal_of_the_same_transfer_is_refused_by_the_database(filled):
    columns = [one.column for one in guards_model("ledger_transfer")._meta.fields if one.column not in {"id", "uuid"}]
    names = ", ".join(columns)
    other = "'00000000-0000-8000-8000-000000000001'" if POSTGRES else "'00000000000080008000000000000001'"
    assert refused(
        f"INSERT INTO ledger_transfer (id, uuid, {names}) SELECT 99999, {other}, {names} FROM ledger_transfer "
        "WHERE reverses_id IS NOT NULL"
    )


def test_a_hold_is_resolved_only_for_its_own_amount(filled, move):
    soon = timezone.now() + dt.timedelta(hours=1)
    held = ledger.hold(key="h2", wallet="li", amount=20, expires_at=soon)
    said = refused(
        "INSERT INTO ledger_holdresolution (hold_id, transfer_id, outcome, amount, captured, resolved_at) "
        "VALUES (%s, 99999, 'captured', 30, 30, '2030-01-01 00:00:00')",
        [held.pk],
    )
    assert "its own amount" in str(said)


# -- The triggers themselves -------------------------------------------------------------------------------------------
def test_every_trigger_stands_after_migration(db):
    assert guards.missing() == []
    assert len(guards.present()) >= 35


def test_a_missing_trigger_is_an_error_and_stops_the_sealer(filled):
    table, name = "ledger_posting", "ledger_no_update" if POSTGRES else "ledger_posting_no_update"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if POSTGRES else ""))
    found = common_guards.check(None, databases=["default"])
    assert (table, name) in guards.missing()
    assert any(isinstance(one, Error) and name in one.msg for one in found)
    with pytest.raises(NotSealable):
        ledger.seal()
    assert guards.install() >= 1
    assert guards.missing() == []
    assert common_guards.check(None, databases=["default"]) == []
    assert ledger.seal() is not None


@pytest.mark.pg_only("a trigger can be switched off")
@pytest.mark.parametrize(
    "how", ["DISABLE TRIGGER ledger_no_delete", "ENABLE TRIGGER ledger_no_delete", "DISABLE TRIGGER ALL"]
)
def test_a_trigger_switched_off_or_weakened_counts_as_missing(db, how):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE ledger_transfer {how}")
    assert ("ledger_transfer", "ledger_no_delete") in guards.missing()
    guards.install()
    assert guards.missing() == []


@pytest.mark.pg_only("SQLite has no functions in the database")
def test_a_function_that_was_emptied_counts_as_missing(filled):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
        )
    assert guards.missing() == [("function", "ledger_refuse")]
    with pytest.raises(NotSealable):
        ledger.seal()
    guards.install()
    assert guards.missing() == []
    assert_refused("UPDATE ledger_posting SET amount = amount + 1", "ledger_posting")


OPERATIONS = {
    "add a nullable field": [migrations.AddField("transfer", "extra", models.IntegerField(null=True))],
    "add a field with a default": [migrations.AddField("transfer", "extra", models.IntegerField(default=0))],
    "change a field": [migrations.AlterField("transfer", "memo", models.CharField(max_length=600, default=""))],
    "remove a field": [migrations.RemoveField("transfer", "memo")],
    "rename a field": [migrations.RenameField("transfer", "memo", "note")],
    "add an index": [migrations.AddIndex("transfer", models.Index(fields=["kind"], name="ledger_test_kind"))],
    "add a constraint": [
        migrations.AddConstraint(
            "lot", models.CheckConstraint(condition=models.Q(remaining__lt=1 << 60), name="ledger_test_lot")
        )
    ],
    "rename a table and back": [
        migrations.AlterModelTable("anchor", "ledger_anchors"),
        migrations.AlterModelTable("anchor", "ledger_anchor"),
    ],
    "change postings": [migrations.AddField("posting", "extra", models.IntegerField(default=0))],
    "change accounts": [migrations.AddField("account", "extra", models.IntegerField(default=0))],
    "change holds": [migrations.AddField("hold", "extra", models.IntegerField(default=0))],
    "change members of seals": [migrations.AddField("sealmember", "extra", models.IntegerField(default=0))],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", OPERATIONS)
def test_triggers_stand_after_every_kind_of_migration(name):
    from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
    from django.db.migrations.loader import MigrationLoader

    state: ProjectState = MigrationLoader(connection).project_state(("ledger", "0001_initial"))
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default")
    with connection.schema_editor() as editor:
        for operation in OPERATIONS[name]:
            after = state.clone()
            operation.state_forwards("ledger", after)
            operation.database_forwards("ledger", editor, state, after)
            state = after
    if not POSTGRES and name in {"add a field with a default", "change a field", "add a constraint"}:
        assert guards.missing(), "SQLite kept its triggers: this test proves nothing"
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert guards.missing() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.pg_only("partitions")
def test_partitions_are_made_ahead_and_guarded(monkeypatch):
    from timebank.ledger import partitions

    monkeypatch.setattr(partitions, "ROWS_PER_PARTITION", 10_000_000)
    assert partitions.ensure_partitions() == 0
    assert partitions.ensure_partitions(newest=25_000_000) == 2
    assert partitions.partitions_of("ledger_posting") == [f"ledger_posting_p{n}" for n in range(5)]
    assert ("ledger_posting_p4", "ledger_no_truncate") in guards.missing()
    guards.install()
    assert guards.missing() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.pg_only("partitions")
def test_sealing_goes_on_when_postings_reach_the_next_partition(move):
    from timebank.ledger import partitions

    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM ledger_posting_id_seq")
        (before,) = cursor.fetchone()
        cursor.execute("SELECT setval('ledger_posting_id_seq', %s)", [partitions.ROWS_PER_PARTITION])
    try:
        move("issuance", "li", 5)
        assert len(ledger.seal_all()) == 1
        assert "ledger_posting_p3" in partitions.partitions_of("ledger_posting")
        assert guards.missing() == []
        move("issuance", "li", 5)
        assert len(ledger.seal_all()) == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('ledger_posting_id_seq', %s)", [before])


@pytest.mark.django_db(transaction=True)
def test_a_migrate_that_has_nothing_to_do_never_lowers_the_guard():
    from django.core.management.sql import emit_pre_migrate_signal

    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default", plan=[])
    assert guards.missing() == []
