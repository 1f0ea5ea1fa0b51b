"""Clients that speak HTTP as browsers do: one connection kept open, cookies, forms with what the page put into them."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

from bench.server import CouldNotRunError

ROOT = Path(__file__).resolve().parents[1]
HIDDEN = re.compile(r"<input[^>]*>", re.IGNORECASE)
ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
TIMEOUT = 60


class RefusedError(RuntimeError):
    """A page answered otherwise than it should."""


@dataclass
class Answer:
    """What came back; redirects were followed."""

    status: int
    path: str
    text: str

    def form(self, action: str = "") -> dict[str, str]:
        """Read the hidden fields of the form with this action (the last form without)."""
        forms = re.findall(r"(<form[^>]*>)(.*?)</form>", self.text, re.DOTALL)
        for head, body in reversed(forms):
            meant = f'action="{action}"' in head if action else True
            if "post" in head.lower() and meant and "csrfmiddlewaretoken" in body:
                if not action and ("sign-out" in head or "i18n" in head or "language" in head):
                    continue
                fields = (dict(ATTRIBUTE.findall(one)) for one in HIDDEN.findall(body))
                return {one["name"]: unescape(one.get("value", "")) for one in fields if one.get("type") == "hidden"}
        raise RefusedError(f"{self.path} ({self.status}) has no form for {action or 'what comes next'}")


@dataclass
class Browser:
    """One person at one server."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)  # milliseconds of each request by itself, redirects too

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def get(self, path: str) -> Answer:
        """Ask for a page; raise ``RefusedError`` unless it comes."""
        return self._follow("GET", path, None)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form; raise ``RefusedError`` unless a page comes after it."""
        return self._follow("POST", path, fields)

    def _follow(self, method: str, path: str, fields: dict[str, str] | None) -> Answer:
        for _ in range(6):
            status, location, text = self._send(method, path, fields)
            if status in {301, 302, 303}:
                parts = urlsplit(urljoin(path, location))
                method, fields = "GET", None
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                continue
            if status != 200:
                raise RefusedError(f"{method} {path}: {status}")
            return Answer(status, path, text)
        raise RefusedError(f"{path} leads in circles")

    def _send(self, method: str, path: str, fields: dict[str, str] | None) -> tuple[int, str, str]:
        origin = f"http://127.0.0.1:{self.port}"
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept-Language": "en",
            "Referer": origin + path,
            "Origin": origin,
        }
        body = None
        if fields is not None:
            body = urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        self.took.append((time.perf_counter() - began) * 1000)
        for cookie in answer.msg.get_all("Set-Cookie") or []:
            name, _equals, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers.get("Location", ""), text

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@dataclass
class Load:
    """What some people did at the same time: milliseconds by kind, errors in words."""

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def rate(self, kind: str) -> float:
        """Return how often it was done per second, by all together."""
        return len(self.times.get(kind, ())) / self.seconds if self.seconds else 0.0


#: One round of what a person does; calls ``timed(kind, what)`` for each thing that is measured.
Timed = Callable[[str, Callable[[], Answer]], Answer]
Person = Callable[[Timed], None]


def together(people: Sequence[Person], seconds: float, enough: Callable[[], bool] = lambda: True) -> Load:
    """Let each do their rounds, without pause, for so many seconds; an error ends a round, not the person.

    What is not ``enough`` by then goes on, for another minute at most.
    """
    load, lock = Load(), threading.Lock()
    gate = threading.Barrier(len(people) + 1)
    until = [0.0]

    def live(person: Person) -> None:
        own: dict[str, list[float]] = {}
        errors = []

        def timed(kind: str, what: Callable[[], Answer]) -> Answer:
            began = time.perf_counter()
            answer = what()
            own.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
            return answer

        gate.wait()
        while (now := time.perf_counter()) < until[0] or (now < until[0] + TIMEOUT and not enough()):
            began = time.perf_counter()
            try:
                person(timed)
            except (RefusedError, OSError, http.client.HTTPException) as error:
                errors.append(f"{type(error).__name__}: {error}"[:200])
            else:
                own.setdefault("round", []).append((time.perf_counter() - began) * 1000)
        with lock:
            load.errors += errors
            for kind, times in own.items():
                load.times.setdefault(kind, []).extend(times)

    threads = [threading.Thread(target=live, args=(person,), daemon=True) for person in people]
    for one in threads:
        one.start()
    began = time.perf_counter()
    until[0] = began + seconds
    gate.wait()
    for one in threads:
        one.join()
    load.seconds = time.perf_counter() - began
    return load


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(words: Sequence[str], port: int, path: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is there as soon as ``path`` answers."""
    variables = {name: value for name, value in os.environ.items() if name not in {"BENCH_LEAN", "DEBUG"}}
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env={**variables, **environment},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise CouldNotRunError(f"{' '.join(words)} ended with {process.returncode}")
            with contextlib.suppress(OSError, RefusedError, http.client.HTTPException):
                with contextlib.closing(Browser(port)) as browser:
                    browser.get(path)
                break
            time.sleep(0.1)
        else:
            raise CouldNotRunError(f"{' '.join(words)} did not answer on {path} within a minute")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
