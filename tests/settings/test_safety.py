"""Production does not start with what is not safe: every reason named, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings.test_start import CLEAN, ROOT

GOOD = {
    "DJANGO_SETTINGS_MODULE": "settings.production",
    "SECRET_KEY": "5XQ0vJm2aFz7-Lr9Tn4WcKp1Hs8Bd6Ge3Yu_oIiExRkMqZbVtA7f",
    "ID_NUMBER_KEYS": "c2hhbmppLWNoZWNrLWtleS1ub3QtZm9yLXByb2R1Y3Q=",
    "LEDGER_SEAL_KEY": "0123456789abcdef" * 4,
    "DATABASE_URL": "sqlite:///:memory:",
    "ALLOWED_HOSTS": "shanji.example",
    "SITE_URL": "https://shanji.example",
}
WEAK = [
    ("DEMO", "1", "DEMO is on"),
    ("SECRET_KEY", None, "SECRET_KEY is not set"),
    ("SECRET_KEY", "", "SECRET_KEY is not set"),
    ("SECRET_KEY", "only-for-a-demo-on-this-machine-never-in-production-0123456789", "SECRET_KEY is the demo's"),
    ("SECRET_KEY", "short", "SECRET_KEY is weak"),
    ("SECRET_KEY", "ab" * 40, "SECRET_KEY is weak"),
    ("ID_NUMBER_KEYS", "", "ID_NUMBER_KEYS is not set"),
    ("ID_NUMBER_KEYS", "garbage", "Key 1 in ID_NUMBER_KEYS is no key"),
    ("ID_NUMBER_KEYS", GOOD["ID_NUMBER_KEYS"] + ",²", "Key 2 in ID_NUMBER_KEYS is no key"),
    ("ID_NUMBER_KEYS", "c2hhbmppLWRlbW8ta2V5LW5vdC1mb3ItcHJvZHVjdGk=", "Key 1 in ID_NUMBER_KEYS is the demo's"),
    ("ALLOWED_HOSTS", "shanji.example,*", "ALLOWED_HOSTS is *"),
    ("DATABASE_URL", None, "DATABASE_URL is not set"),
    ("DATABASE_URL", "postgresql://shanji@db/shanji", "DATABASE_URL has no password"),
    ("DATABASE_URL", "postgresql://shanji:shanji@db/shanji", "DATABASE_URL has no password"),
    ("DATABASE_URL", "postgresql://postgres:long-and-drawn@db/shanji", "DATABASE_URL signs in as postgres"),
    ("BROKER_URL", "redis://broker:6379/0", "BROKER_URL has no password"),
    ("LEDGER_SEAL_KEY", "xyz", "LEDGER_SEAL_KEY is not an Ed25519 key"),
]


def check_deploy(**changes: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in {**CLEAN, **GOOD, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_control_the_good_ones_start():
    done = check_deploy()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "value", "reason"), WEAK)
def test_each_weak_setting_is_a_reason(monkeypatch, name, value, reason):
    from settings.safety import refusals

    for key in {*GOOD, "DEMO", "BROKER_URL"}:
        monkeypatch.delenv(key, raising=False)
    for key, text in {**GOOD, name: value}.items():
        if text is not None:
            monkeypatch.setenv(key, text)
    reasons = list(refusals())
    assert len(reasons) == 1
    assert reasons[0].startswith(reason)


def test_check_deploy_names_them_all_in_words():
    done = check_deploy(DEMO="1", SECRET_KEY="", ALLOWED_HOSTS="*", DATABASE_URL="postgresql://shanji@db/shanji")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n- ") == 4
    for reason in ("DEMO is on", "SECRET_KEY is not set", "ALLOWED_HOSTS is *", "DATABASE_URL has no password"):
        assert reason in done.stderr


def test_secrets_are_drawn_once_and_hold(tmp_path: Path, monkeypatch):
    from settings.safety import refusals
    from tools.make_secrets import main

    main(tmp_path)
    drawn = {file.name: file.read_text() for file in tmp_path.iterdir()}
    main(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == drawn
    for key in {*GOOD, "DEMO", "BROKER_URL"}:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("ALLOWED_HOSTS", "shanji.example")
    for name in ("SECRET_KEY", "ID_NUMBER_KEYS", "LEDGER_SEAL_KEY", "DATABASE_URL", "BROKER_URL"):
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name.lower()))
    assert list(refusals()) == []


def test_compose_gives_no_empty_password_and_two_roles():
    text = (ROOT / "compose.yaml").read_text()
    assert "trust" not in text
    assert "database_owner_url" in text
    assert "DATABASE_APP_ROLE: shanji" in text
    assert "requirepass" in text
    assert "POSTGRES_PASSWORD_FILE: /run/secrets/database_admin_password" in text  # nobody but the database's own admin
    assert os.access(ROOT / "tools/database_roles.sh", os.X_OK)


@pytest.mark.pg_only
@pytest.mark.django_db
def test_the_applications_role_writes_rows_and_can_undo_no_guard():
    from django.db import ProgrammingError, connection, transaction

    from timebank.common.management.commands.migrate import GRANTS
    from timebank.ledger import partitions

    refused = [
        "TRUNCATE registry_auditentry",
        "ALTER TABLE registry_auditentry DISABLE TRIGGER ALL",
        "DROP TABLE common_event",
        "CREATE TABLE mine (id int)",
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shanji_works")
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        cursor.execute(GRANTS.format(role="shanji_works"))
        cursor.execute("SET LOCAL ROLE shanji_works")
        cursor.execute("INSERT INTO common_sweepstate (name, handled, failed) VALUES ('x', 0, 0)")
        cursor.execute("DELETE FROM common_sweepstate WHERE name = 'x'")
        assert partitions.ensure_partitions(newest=10 * partitions.ROWS_PER_PARTITION) == 0
        for statement in refused:
            with pytest.raises(ProgrammingError, match="permission denied|must be owner"), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("RESET ROLE")
