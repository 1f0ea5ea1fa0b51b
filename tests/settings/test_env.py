"""The environment is read once, typed, and refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from settings import env


@pytest.mark.parametrize(
    ("_case", "value", "expected"),
    [("one", "1", True), ("word", "Yes", True), ("zero", "0", False), ("off", "off", False), ("empty", "", False)],
)
def test_flag_reads_usual_words(monkeypatch, _case, value, expected):
    monkeypatch.setenv("X", value)
    assert env.flag("X") is expected


def test_flag_absent_is_the_default(monkeypatch):
    monkeypatch.delenv("X", raising=False)
    assert (env.flag("X"), env.flag("X", True)) == (False, True)


def test_flag_refuses_other_words(monkeypatch):
    monkeypatch.setenv("X", "maybe")
    with pytest.raises(ImproperlyConfigured, match="X must be 1 or 0 .*, not 'maybe'"):
        env.flag("X")


def test_whole_refuses_fractions_and_words(monkeypatch):
    monkeypatch.setenv("X", " 12 ")
    assert env.whole("X", 3) == 12
    monkeypatch.setenv("X", "1.5")
    with pytest.raises(ImproperlyConfigured, match="X must be a whole number, not '1.5'"):
        env.whole("X", 3)


def test_words_are_trimmed_and_empty_ones_dropped(monkeypatch):
    monkeypatch.setenv("X", " a.example , ,b.example")
    assert env.words("X") == ["a.example", "b.example"]


def test_secret_from_file_wins(monkeypatch, tmp_path: Path):
    (tmp_path / "key").write_text("from-file\n")
    monkeypatch.setenv("X", "from-environment")
    assert env.secret("X") == "from-environment"
    monkeypatch.setenv("X_FILE", str(tmp_path / "key"))
    assert env.secret("X") == "from-file"


def test_secret_missing_or_unreadable_stops_with_a_sentence(monkeypatch, tmp_path: Path):
    monkeypatch.delenv("X", raising=False)
    with pytest.raises(ImproperlyConfigured, match="X is not set.*X_FILE"):
        env.secret("X")
    monkeypatch.setenv("X_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ImproperlyConfigured, match="X_FILE names .*nothing.*No such file"):
        env.secret("X")


def test_database_understands_both(monkeypatch):
    monkeypatch.setenv("X", "postgresql://u%40b:p%2Fw@db.example:5433/shanji?sslmode=require")
    found = env.database("X", "")
    assert {key: found[key] for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shanji",
        "USER": "u@b",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }
    monkeypatch.setenv("X", "sqlite:////var/lib/shanji.sqlite3")
    found = env.database("X", "")
    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", "/var/lib/shanji.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "PRAGMA synchronous=FULL" in found["OPTIONS"]["init_command"]
    monkeypatch.setenv("X", "sqlite:////var/lib/shanji.sqlite3?synchronous=off")
    assert "PRAGMA synchronous=OFF" in env.database("X", "")["OPTIONS"]["init_command"]
    monkeypatch.setenv("X", "sqlite:////var/lib/shanji.sqlite3?synchronous=1;DROP")
    with pytest.raises(ImproperlyConfigured, match="synchronous must be OFF, NORMAL, FULL or EXTRA"):
        env.database("X", "")


def test_database_refuses_other_kinds(monkeypatch):
    monkeypatch.setenv("X", "mysql://root@localhost/shanji")
    with pytest.raises(ImproperlyConfigured, match="X must start with sqlite:// or postgresql://, not 'mysql://'"):
        env.database("X", "")
