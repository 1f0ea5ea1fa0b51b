"""Typed reading of the environment: a wrong value stops the start with a sentence, never a surprise later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0 (also true/false, yes/no, on/off), not {value!r}.")


def whole(name: str, default: int) -> int:
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def words(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def secret(name: str, default: str | None = None) -> str:
    """Read a secret from NAME, or from the file that NAME_FILE names; without either, the default or a stop."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {file!r}, which can't be read: {error.strerror}.") from None
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Put it in the environment, or its file's path in {name}_FILE.")
    return value


def database(name: str, default: str) -> dict[str, Any]:
    """Turn a database URL (sqlite:///path, postgresql://user:password@host:port/name) into Django's dictionary."""
    url = urlsplit(secret(name, default))
    if url.scheme == "sqlite":
        # FULL keeps every acknowledged commit through a power cut; OFF is for filling a file that can be made again.
        synchronous = dict(parse_qsl(url.query)).get("synchronous", "FULL").upper()
        if synchronous not in {"OFF", "NORMAL", "FULL", "EXTRA"}:
            raise ImproperlyConfigured(f"{name}: synchronous must be OFF, NORMAL, FULL or EXTRA, not {synchronous!r}.")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(url.path[1:]) or ":memory:",
            "OPTIONS": {
                # One writer at a time, decided at BEGIN: what PostgreSQL's row locks give us, at SQLite's grain.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA foreign_keys=ON;",
            },
        }
    if url.scheme in {"postgresql", "postgres"}:
        options: dict[str, Any] = dict(parse_qsl(url.query))
        host = options.pop("host", None) or unquote(url.hostname or "")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(url.path[1:]),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": host,
            "PORT": str(url.port or ""),
            "OPTIONS": options,
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    raise ImproperlyConfigured(f"{name} must start with sqlite:// or postgresql://, not {url.scheme + '://'!r}.")


def mail_server(name: str) -> dict[str, Any]:
    """Turn an e-mail URL (smtp://user:password@host:587, smtps://…:465) into Django's settings; empty: the console.

    ``smtp`` begins in the open and turns to TLS at once; ``?tls=0`` leaves that out, for a server on this machine.
    """
    value = secret(name, "")
    if not value:
        return {"BACKEND": "django.core.mail.backends.console.EmailBackend", "HOST": "", "PORT": 25}
    url = urlsplit(value)
    tls = dict(parse_qsl(url.query)).get("tls", "1")
    if url.scheme not in {"smtp", "smtps"} or not url.hostname or tls not in {"0", "1"}:
        raise ImproperlyConfigured(
            f"{name} must look like smtp://user:password@host:587 or smtps://user:password@host."
        )
    if tls == "0" and url.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ImproperlyConfigured(f"{name}: tls=0 is for a server on this machine only.")
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "HOST": url.hostname,
        "PORT": url.port or (465 if url.scheme == "smtps" else 587),
        "HOST_USER": unquote(url.username or ""),
        "HOST_PASSWORD": unquote(url.password or ""),
        "USE_TLS": url.scheme == "smtp" and tls == "1",
        "USE_SSL": url.scheme == "smtps",
    }
