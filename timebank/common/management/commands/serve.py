"""Serve Shanji from one command: web server, task worker and clock, started, watched and ended together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection, connections

from timebank.common import contract, health
from timebank.common.processes import Child, Tree

WORKER = "timebank.common.webworker.Worker"


class Command(BaseCommand):
    """Start the process tree."""

    help = "Serve Shanji: web server, task worker and clock in one process tree. Ctrl-C ends all of it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the choices; the environment gives their defaults."""
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", default=os.environ.get("PORT", "8000"))
        parser.add_argument("--workers", type=int, default=2, help="web processes")
        parser.add_argument("--threads", type=int, default=4, help="threads in each web process")
        parser.add_argument("--tasks", type=int, default=2, help="task processes")
        parser.add_argument("--no-tasks", action="store_true", help="the web server only")
        parser.add_argument("--prepare", action="store_true", help="first migrate and collect static files")
        parser.add_argument("--demo", action="store_true", help="with --prepare: load the demo into an empty database")
        parser.add_argument("--reload", action="store_true", help="restart the web server when code changes")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the port, prepare, then serve until told to stop."""
        host, port = options["host"], _port(options["port"])
        _check_free(host, port)
        if options["prepare"]:
            try:
                self._prepare(demo=options["demo"])
            except KeyboardInterrupt:
                raise CommandError("Stopped before everything was ready.", returncode=130) from None
        _check_migrated()
        tree = Tree(
            self._children(host, port, options),
            lambda sentence: self.stderr.write(self.style.WARNING(sentence)),
            # In a container or on a fresh machine we may well be root; Celery need not say so at every start.
            {"PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore:You're running the worker")},
        )
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (only compared)
        threading.Thread(target=self._greet, args=(shown, port), daemon=True).start()
        code = tree.run()
        self.stdout.write("Shanji has stopped.")
        if code:
            sys.exit(code)

    def _prepare(self, *, demo: bool) -> None:
        database = settings.DATABASES["default"]
        file = Path(database["NAME"]) if connection.vendor == "sqlite" else None
        if demo and file is not None and not file.exists():
            self._make_demo_file(file)
        self.stdout.write("Bringing the database up to date …")
        call_command("migrate", interactive=False, verbosity=0)
        if demo and not get_user_model().objects.exists():
            call_command("load_demo")
        call_command("collectstatic", interactive=False, verbosity=0)
        connections.close_all()

    def _make_demo_file(self, file: Path) -> None:
        """Make the demo's database beside its place and move it there complete: an interrupted start leaves no half."""
        fresh = file.with_name(f"{file.name}.new")
        for left in fresh.parent.glob(f"{fresh.name}*"):
            left.unlink()
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{fresh.absolute()}?synchronous=off"}
        environment.pop("DATABASE_URL_FILE", None)
        self.stdout.write("Making the database (about a minute) …")
        for words in (["migrate", "--no-input", "--verbosity", "0"], ["load_demo"]):
            if words[0] == "load_demo":
                self.stdout.write("Three months in the demo villages (some minutes) …")
            done = subprocess.run([sys.executable, "-m", "django", *words], env=environment, check=False)  # noqa: S603
            if done.returncode:
                raise CommandError("The demo could not be made; the lines above say why.")
        fresh.rename(file)

    def _children(self, host: str, port: int, options: dict[str, Any]) -> list[Child]:
        python = [sys.executable, "-m"]
        # Heartbeat files in memory: on a slow disk a worker could be taken for dead.
        scratch = ["--worker-tmp-dir", "/dev/shm"] if os.access("/dev/shm", os.W_OK) else []  # noqa: S108
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        web = ["gunicorn", "settings.wsgi", "--bind", address, "--worker-class", WORKER, *scratch]
        web += ["--workers", str(options["workers"]), "--threads", str(options["threads"])]
        web += ["--keep-alive", "75"]  # longer than a proxy's, which may send on what we are closing
        web += ["--log-level", "warning", "--graceful-timeout", "8", "--no-control-socket"]
        web += ["--reload"] if options["reload"] else []
        children = [Child("web server", [*python, *web], vital=True)]
        for declared in contract.declared("processes"):
            words = declared.value(f"http://{address}")
            if words:
                children.append(Child(declared.name, [*python, *words]))
        if not options["no_tasks"]:
            celery = [*python, "celery", "-A", "settings", "--quiet"]
            worker = [*celery, "worker", "--loglevel", "warning", "--concurrency", str(options["tasks"])]
            children.append(Child("task worker", [*worker, "--without-gossip", "--without-mingle"]))
            children.append(Child("clock", [*celery, "beat", "--loglevel", "warning", "--pidfile="]))
        return children

    def _greet(self, host: str, port: int) -> None:
        """Wait until the first page answers, then say where it is and who may come in."""
        address = f"http://{host}:{port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/healthz", timeout=5):  # noqa: S310 (our own address)
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        else:
            return
        lines = ["", self.style.SUCCESS(f"Shanji 善集 answers on {address}")]
        lines += _greetings(address)
        lines += ["", "Ctrl-C stops everything.", ""]
        self.stdout.write("\n".join(lines))


def _greetings(address: str) -> list[str]:
    """Collect what the apps say once the site answers."""
    try:
        said = [declared.value(address) for declared in contract.declared("greeting")]
    finally:
        connections.close_all()
    return [line for lines in said if lines for line in ["", *lines]]


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CommandError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _check_migrated() -> None:
    """Refuse in words when the database is older than the code."""
    try:
        health.check_migrations()
    except health.NotReady as error:
        raise CommandError(f"The database is older than the code ({error}). Run: manage.py migrate") from None


def _check_free(host: str, port: int) -> None:
    """Refuse in words when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} can't be used: {error.strerror}. Choose another one: PORT={port + 1} make run"
            ) from None
