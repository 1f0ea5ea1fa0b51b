"""Forty clients that send their bodies a byte at a time silence nobody: each other request is answered at once."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.urls import reverse

from tests.factories.people import make_regions, make_resident
from timebank.common.management.commands import serve

ROOT = Path(__file__).resolve().parents[2]
SLOW = 40
HEAD = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


def command(port: int) -> list[str]:
    """Return how ``manage.py serve`` starts the web server, of one process with two threads."""
    options = {"workers": 1, "threads": 2, "tasks": 0, "no_tasks": True, "reload": False}
    with mock.patch.object(serve.contract, "declared", return_value=[]):
        (web,) = serve.Command()._children("127.0.0.1", port, options)
    return list(web.command)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url() -> str:
    here = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{here['NAME']}"
    return f"postgresql://{here['USER']}@/{here['NAME']}?host={here['HOST']}&port={here['PORT']}"


@contextlib.contextmanager
def serving(words: list[str], port: int) -> Iterator[None]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings.dev",
        "DEBUG": "1",  # no collected files are needed
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
    }
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            assert process.poll() is None
            with contextlib.suppress(OSError):
                seconds_for(port, "/healthz")
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def warm(port: int, cookie: str) -> Iterator[None]:
    """Ask for the page once: the first request of a process loads what the others only use."""
    seconds_for(port, reverse("registry:me"), cookie, "慢慢", timeout=20)
    yield


def seconds_for(port: int, path: str, cookie: str = "", expected: str = "", timeout: int = 3) -> float:
    began = time.monotonic()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        assert answer.status == 200
        assert expected in answer.read().decode()
    return time.monotonic() - began


@contextlib.contextmanager
def slow_clients(port: int) -> Iterator[list[socket.socket]]:
    """Half of them in the middle of the body, a quarter in the head, a quarter refused and not going away."""
    clients = []
    try:
        for number in range(SLOW):
            client = socket.create_connection(("127.0.0.1", port), timeout=5)
            clients.append(client)
            if number % 4 == 0:
                client.sendall(HEAD)
            elif number % 4 == 1:
                client.sendall(HEAD + b"Content-Length: 400000000\r\n\r\nlogin=")
            else:
                client.sendall(HEAD + b"Content-Length: 4000\r\n\r\nlogin=")
        time.sleep(0.5)
        yield clients
    finally:
        for client in clients:
            client.close()


@pytest.fixture
def cookie(transactional_db: None) -> str:
    """Sign somebody in, in the database that the server reads."""
    user = make_resident(make_regions().village, name="慢慢").user
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "timebank.registry.backends.PhoneCardOrEmailBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


@pytest.mark.slow("starts a web server")
def test_forty_slow_bodies_stop_nobody(cookie):
    port = free_port()
    with serving(command(port), port), warm(port, cookie), slow_clients(port) as clients:
        assert seconds_for(port, "/healthz") < 2
        assert seconds_for(port, reverse("registry:me"), cookie, "慢慢") < 2
        # A body that comes in pieces is answered when it is there, on the same connection as what follows it.
        late = clients[2]
        late.sendall(b"x" * 2000)
        time.sleep(0.2)
        late.sendall(b"x" * (4000 - 2006))
        assert late.recv(100).startswith(b"HTTP/1.1 ")


@pytest.mark.slow("starts a web server")
def test_control_threads_that_read_bodies_are_all_taken(transactional_db):
    port = free_port()
    words = ["gthread" if word == serve.WORKER else word for word in command(port)]
    with serving(words, port), slow_clients(port), pytest.raises(TimeoutError):
        seconds_for(port, "/healthz")
