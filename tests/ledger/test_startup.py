"""What the app does when Django starts, when a connection opens and after every migration."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from timebank.common import contract
from timebank.ledger import guards, partitions
from timebank.ledger.apps import install_guards, prefer_generic_plans
from timebank.ledger.models import Seal, Unsealed
from timebank.ledger.ready import check_ledger


class Other:
    """Another app, or a connection to another kind of database."""

    vendor = "sqlite"


def test_the_app_announces_itself_once_however_often_it_is_made_ready(monkeypatch):
    heard = []
    monkeypatch.setattr(connection_created, "receivers", [])
    monkeypatch.setattr(post_migrate, "receivers", [])
    monkeypatch.setattr("timebank.ledger.apps.prefer_generic_plans", lambda **told: heard.append("plans"))
    monkeypatch.setattr("timebank.ledger.apps.install_guards", lambda **told: heard.append("guards"))
    config = apps.get_app_config("ledger")
    config.ready()
    config.ready()
    assert contract.by_name("health_checks")["ledger"] is check_ledger
    # A signal holds on to functions weakly; ours live in the module for as long as the test replaces them.
    connection_created.send(sender=Other, connection=Other())
    assert heard == ["plans"]
    post_migrate.send(sender=Other, using="default")
    assert heard == ["plans"]
    post_migrate.send(sender=config, using="default")
    assert heard == ["plans", "guards"]


@pytest.mark.fast_path("a setting of its connections")
def test_statements_of_a_connection_are_planned_once_on_postgresql(db):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW plan_cache_mode")
            assert cursor.fetchone() == ("force_generic_plan",)
    assert prefer_generic_plans(None, Other()) is None  # nothing is asked of any other database


def test_triggers_and_partitions_are_put_back_after_a_migration(db, monkeypatch):
    asked = []
    monkeypatch.setattr(partitions, "ensure_partitions", lambda **told: asked.append(told))
    connection.check_constraints()
    guards.remove(tables=["ledger_seal"])
    assert guards.missing()
    install_guards(None)
    assert guards.missing() == []
    assert asked == [{"alias": "default"}]


def test_a_database_without_the_ledger_is_left_alone(db, monkeypatch):
    monkeypatch.setattr(guards, "tables_present", lambda alias: {"django_session"})
    monkeypatch.setattr(partitions, "ensure_partitions", lambda **told: pytest.fail("there is nothing to part"))
    monkeypatch.setattr(guards, "install", lambda alias: pytest.fail("there is nothing to guard"))
    install_guards(None, using="default")


def test_rows_name_themselves_for_whoever_debugs():
    assert str(Unsealed(transfer_id=7)) == "7"
    seal = Seal(number=3, hash="0123456789abcdef" * 4)
    assert str(seal) == "3 0123456789abcdef"
