"""What starts with which settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a process that inherits no setting."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**CLEAN, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_web_server_without_a_word_is_production_and_asks_for_its_secret():
    done = run("import settings.wsgi")
    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr


def test_production_refuses_an_unreadable_secret_file():
    done = run("import settings.wsgi", SECRET_KEY_FILE="/nonexistent/key")
    assert "SECRET_KEY_FILE names '/nonexistent/key', which can't be read" in done.stderr


def test_tasks_find_the_broker_without_the_web_server():
    code = "import django; django.setup(); from celery import current_app as c; print(c.conf.broker_url)"
    done = run(code, DJANGO_SETTINGS_MODULE="settings.dev", BROKER_URL="redis://broker.example:6379/1")
    assert done.stdout.strip() == "redis://broker.example:6379/1", done.stderr
