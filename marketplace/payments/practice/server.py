"""The double as an HTTP server on loopback, for the demo (a process) and for the suite (a thread)."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from marketplace.payments.practice import api, checkout, hooks, pages
from marketplace.payments.practice.contract import Refused, nested
from marketplace.payments.practice.world import World, new_id, public

PAGE = re.compile(r"/c/pay/(cs_\w+)(/submit)?")
LARGEST = 1 << 20
TIMEOUT_PAUSE = 2.0  # seconds of silence when a request is to time out; the suite's client waits less


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # header and body in one packet: else every answer waits 40 ms for an acknowledgement
    server: Server
    timeout = 30

    def log_message(self, *_parts: Any) -> None:
        """Say nothing: the demo's terminal belongs to people."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._handle("GET")

    def do_POST(self) -> None:
        """Answer a POST."""
        self._handle("POST")

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            return self._answer(413, {"error": {"type": "invalid_request_error", "message": "Too large"}})
        raw = self.rfile.read(length).decode()
        url = urlsplit(self.path)
        try:
            if url.path == "/practice.css":
                return self._send(200, pages.STYLE.read_bytes(), "text/css; charset=utf-8", {})
            if match := PAGE.fullmatch(url.path):
                return self._page(method, match[1], raw)
            self._authorise()
            if url.path.startswith("/_practice/"):
                with self.server.world.lock:
                    given = api.control(
                        self.server.world, url.path.removeprefix("/_practice/"), json.loads(raw or "{}")
                    )
                    self.server.world.save()
                return self._answer(200, given)
            return self._api(method, url.path, raw, url.query)
        except Refused as refusal:
            return self._answer(refusal.status, refusal.body)

    def _authorise(self) -> None:
        if not re.match(r"Bearer (sk|rk)_test_\w", self.headers.get("Authorization", "")):
            raise Refused(401, "Invalid API Key provided")

    def _api(self, method: str, path: str, raw: str, query: str) -> None:
        world = self.server.world
        key = self.headers.get("Idempotency-Key") if method == "POST" else None
        with world.lock:
            how = world.failure(f"{method} {path}")
            if how == "429":
                raise Refused(429, "Too many requests", code="rate_limit")
            if how == "500":
                raise Refused(500, "An unknown error occurred", "api_error")
            if how != "timeout":
                status, body, replayed = self._once(method, path, raw, query, key)
        if how in ("timeout", "lost"):  # "lost": done, but the answer never arrives
            time.sleep(TIMEOUT_PAUSE)
            self.close_connection = True
            return
        self._answer(status, body, {"Idempotent-Replayed": "true"} if replayed else {})

    def _once(self, method: str, path: str, raw: str, query: str, key: str | None) -> tuple[int, Any, bool]:
        world = self.server.world
        asked = [path, raw]
        if key and key in world.answers:
            first, status, body = world.answers[key]
            if first != asked:
                words = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                raise Refused(400, words, "idempotency_error")
            return status, body, True
        try:
            given = api.answer(world, method, path.removeprefix("/v1/"), nested(raw or query), self.server.origin)
            status, body = 200, public(given)
        except Refused as refusal:
            status, body = refusal.status, refusal.body
        if key and status < 500 and status != 401:
            world.answers[key] = [asked, status, json.loads(json.dumps(body))]
        if method != "GET":
            world.save()
        return status, body, False

    def _page(self, method: str, session_id: str, raw: str) -> None:
        world = self.server.world
        with world.lock:
            checkout.expire_due(world)
            session = world.get(session_id, "checkout.session")
            if method != "POST":
                return self._html(200, pages.checkout_page(session))
            chosen = parse_qs(raw).get("method", ["pm_card_visa"])[0]
            try:
                checkout.pay(world, session_id, chosen)
            except Refused as refusal:
                page = pages.declined_page(session) if refusal.status == 402 else pages.checkout_page(session)
                return self._html(refusal.status, page)
            finally:
                world.save()
            target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id)
        return self._send(303, b"", "text/html; charset=utf-8", {"Location": target})

    def _html(self, status: int, page: bytes) -> None:
        # No form-action: a browser would hold it against the redirect back to the shop.
        policy = "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'"
        self._send(status, page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers or {})

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", new_id("req"))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Listens on 127.0.0.1 only."""

    daemon_threads = True
    world: World
    courier: hooks.Courier

    def __init__(self, port: int = 0, *, file: Path | None = None, pauses: Sequence[float] = hooks.PAUSES) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.world = World(file)
        self.courier = hooks.Courier(self.world, pauses)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up; anything else is a fault of ours and is shown."""
        import sys

        if not isinstance(sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def start(self) -> Server:
        """Serve in a thread, for the suite."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="practice-stripe").start()
        return self

    def stop(self) -> None:
        """End serving and delivering."""
        self.courier.stop()
        self.shutdown()
        self.server_close()


def is_free(port: int) -> bool:
    """Say whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
