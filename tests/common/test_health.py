"""Health pages: what a load balancer believes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from timebank.common import health


def test_healthz_answers_without_a_database(client):
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_names_every_check(client):
    response = client.get("/readyz")
    found = response.json()
    assert response.status_code == 200, found
    assert found["ready"] is True
    assert {"database", "migrations", "broker"} <= set(found["checks"])


@pytest.mark.logs_error("a 503 is logged by Django, and should be")
@pytest.mark.django_db
def test_readyz_refuses_and_names_what_failed(client, monkeypatch):
    def broken() -> str:
        raise DatabaseError("password=secret")

    def waiting() -> str:
        raise health.NotReady("2 migrations wait")

    monkeypatch.setattr(health.contract, "by_name", lambda attribute: {"database": broken, "migrations": waiting})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["failed"] == ["database", "migrations"]
    assert response.json()["checks"]["migrations"] == "2 migrations wait"
    assert b"secret" not in response.content


@pytest.mark.django_db
def test_waiting_migrations_are_counted(monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: ["one", "two"])
    health._migrated.clear()
    with pytest.raises(health.NotReady, match="2 migrations wait"):
        health.check_migrations()


def test_broker_that_does_not_answer_is_not_ready(settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    with pytest.raises((OSError, health.KombuError, health.OperationalError)):
        health.check_broker()
