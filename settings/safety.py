"""What production does not start with: each reason a sentence, all of them at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from settings import env

#: Published with the source, for a demo on one machine.
DEMO_SECRET_KEY = "only-for-a-demo-on-this-machine-never-in-production-0123456789"  # noqa: S105
DEMO_ID_NUMBER_KEY = "c2hhbmppLWRlbW8ta2V5LW5vdC1mb3ItcHJvZHVjdGk="
LONG_ENOUGH = 50
GUESSED = {"", "shanji", "postgres", "password", "secret", "admin", "123456", "changeme"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def require_safe() -> None:
    """Raise ``ImproperlyConfigured`` with every reason why production must not start in this environment."""
    reasons = [f"- {reason}" for reason in refusals()]
    if reasons:
        raise ImproperlyConfigured("\n".join(["Production does not start like this:", *reasons]))


def refusals() -> Iterator[str]:
    """Give each reason in words, with what to do."""
    if env.text("DEMO").strip().lower() not in env.FALSE:
        yield "DEMO is on: anybody could sign in as anybody. Take DEMO out of the environment."
    yield from _secret_key()
    yield from _id_number_keys()
    if "*" in env.words("ALLOWED_HOSTS"):
        yield "ALLOWED_HOSTS is *: links in messages could lead anywhere. Name the site's own addresses."
    yield from _database()
    yield from _broker()
    seal = _read("LEDGER_SEAL_KEY")
    if isinstance(seal, ImproperlyConfigured):
        yield str(seal)
    elif seal and not _is_hex(seal, 32):
        yield "LEDGER_SEAL_KEY is not an Ed25519 key: 64 hexadecimal digits."


def _read(name: str) -> str | ImproperlyConfigured:
    try:
        return env.secret(name, "")
    except ImproperlyConfigured as error:
        return error


def _secret_key() -> Iterator[str]:
    key = _read("SECRET_KEY")
    if isinstance(key, ImproperlyConfigured):
        yield str(key)
    elif not key:
        yield "SECRET_KEY is not set. Put it in the environment, or its file's path in SECRET_KEY_FILE."
    elif key == DEMO_SECRET_KEY:
        yield "SECRET_KEY is the demo's, which everybody knows. Draw a new one."
    elif len(key) < LONG_ENOUGH or len(set(key)) < 10:
        yield f"SECRET_KEY is weak: at least {LONG_ENOUGH} characters, drawn at random."


def _id_number_keys() -> Iterator[str]:
    keys = _read("ID_NUMBER_KEYS")
    if isinstance(keys, ImproperlyConfigured):
        yield str(keys)
        return
    if not keys.strip():
        yield "ID_NUMBER_KEYS is not set: ID numbers could not be kept. Give a key, or its file in ID_NUMBER_KEYS_FILE."
        return
    for number, key in enumerate(keys.split(","), 1):
        if key.strip() == DEMO_ID_NUMBER_KEY:
            yield f"Key {number} in ID_NUMBER_KEYS is the demo's, which everybody knows. Draw a new one."
        elif not _is_fernet(key.strip()):
            yield f"Key {number} in ID_NUMBER_KEYS is no key: 32 random bytes in URL-safe base64 (44 characters)."


def _database() -> Iterator[str]:
    url = _read("DATABASE_URL")
    if isinstance(url, ImproperlyConfigured):
        yield str(url)
        return
    if not url:
        yield "DATABASE_URL is not set: production never starts on a database of its own choice."
        return
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        return
    by_socket = not parts.hostname  # peer authentication: the system knows who connects
    if not by_socket and unquote(parts.password or "") in GUESSED:
        yield "DATABASE_URL has no password, or one that anybody guesses."
    if (parts.username or "") == "postgres":
        yield "DATABASE_URL signs in as postgres, the superuser. Give the application a role of its own."


def _broker() -> Iterator[str]:
    url = _read("BROKER_URL")
    if isinstance(url, ImproperlyConfigured):
        yield str(url)
        return
    parts = urlsplit(url)
    if parts.scheme in {"redis", "rediss", "amqp", "amqps"} and parts.hostname not in LOOPBACK and not parts.password:
        yield "BROKER_URL has no password: whoever reaches the broker could give orders. Set one."


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key.encode())) == 32
    except (binascii.Error, ValueError):
        return False


def _is_hex(text: str, size: int) -> bool:
    try:
        return len(bytes.fromhex(text)) == size
    except ValueError:
        return False
