"""gunicorn's threaded worker, whose threads never wait for a slow client: a request comes to one when it is all there.

The ``gthread`` worker reads a request's body in the thread that answers it, without a time limit: as many slow bodies
as there are threads silence the server. Here the worker's own loop receives; what is complete goes to a thread.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import tempfile
import time
from functools import partial
from typing import Any

from gunicorn import http, util
from gunicorn.workers.gthread import TConn, ThreadWorker

from timebank.common.wsgi import MOST_BYTES

MOST_HEAD = 32 * 1024
IN_MEMORY = 128 * 1024  # a longer request waits in a file
MOST_WAITING = 256 * 1024 * 1024  # of all unfinished requests of a worker together
PATIENCE = 30.0  # seconds until a client must have sent all …
LINGER = 2.0  # seconds that a client has to read our last words
PACE = 2048  # … and one more for each so many bytes that came
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,12})[ \t]*(?=\r\n)", re.IGNORECASE)
_UNKNOWN_LENGTH = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Received:
    """What a client sent, for gunicorn's parser to read as if from a socket; it ends where nothing more came."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed with its connection)
        self.begin()

    expects = False  # the client waits to be told to go on

    def begin(self, rest: bytes = b"") -> None:
        """Wait for the next request, of which ``rest`` is there already."""
        self._file.seek(0)
        self._file.truncate()
        self._read_to = 0
        self.count = 0
        self.began = time.monotonic()
        self._head = b""
        self.wanted: int | None = None
        self.add(rest)

    def add(self, data: bytes) -> None:
        """Take what came; know how much is wanted as soon as the head is there."""
        self._file.seek(0, 2)
        if self.wanted is not None:
            self._file.write(data)
            self.count += len(data)
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        self.count = len(self._head)
        if end >= 0:
            head = b"\r\n" + self._head[: end + 4]
            lengths = [int(text) for text in _LENGTH.findall(head)]
            length = max(lengths, default=0)
            # What is refused unread needs no body: a length that is too large, or none said.
            unread = length > MOST_BYTES or _UNKNOWN_LENGTH.search(head) is not None
            self.wanted = end + 4 + (0 if unread else length)
            self._file.write(self._head)
            self.expects = not unread and self.count < self.wanted and _EXPECT.search(head) is not None
            self._head = b""

    @property
    def is_complete(self) -> bool:
        return self.wanted is not None and self.count >= self.wanted

    @property
    def is_head_too_long(self) -> bool:
        return self.wanted is None and self.count > MOST_HEAD

    def is_late(self, now: float) -> bool:
        return now > self.began + PATIENCE + self.count / PACE

    def recv(self, size: int) -> bytes:
        """Return the next bytes; none when all that came was read. Never waits."""
        self._file.seek(self._read_to)
        data = self._file.read(size)
        self._read_to += len(data)
        return data

    def close(self) -> None:
        self._file.close()


class Worker(ThreadWorker):
    """Receives in its loop, answers in its threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[TConn, Received] = {}
        self._leaving: dict[TConn, float] = {}  # until when

    def enqueue_req(self, conn: TConn) -> None:
        """Receive a connection's next request, then hand it to a thread."""
        if not conn.initialized:
            conn.received = Received()
            conn.parser = http.get_parser(self.cfg, conn.received, conn.client)
            conn.initialized = conn.data_ready = True
            conn.close = partial(self._close, conn)
        else:
            conn.received.begin(conn.parser.unreader.take_buffered())
        conn.sock.setblocking(False)
        self._waiting[conn] = conn.received
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_more, conn))
        self._go_on(conn)

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Show gunicorn what came of the next request already; then as ever."""
        unreader = conn.parser.unreader
        unreader.unread(unreader.take_buffered() + conn.received.recv(-1))
        super().finish_request(conn, fs)

    def _on_more(self, conn: TConn, _socket: Any) -> None:
        try:
            data = conn.sock.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        conn.received.add(data)
        self._go_on(conn)

    def _go_on(self, conn: TConn) -> None:
        received = conn.received
        if received.is_complete:
            self.poller.unregister(conn.sock)
            del self._waiting[conn]
            super().enqueue_req(conn)
        elif received.is_head_too_long:
            self._drop(conn, TOO_LARGE)
        elif received.expects:
            received.expects = False
            with contextlib.suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif received.count > IN_MEMORY and sum(body.count for body in self._waiting.values()) > MOST_WAITING:
            self._drop(conn)

    def _drop(self, conn: TConn, said: bytes = b"") -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._waiting.pop(conn, None)
        with contextlib.suppress(OSError):
            if said:
                conn.sock.send(said)
        self.nr_conns -= 1
        conn.close(graceful=bool(said))

    def _close(self, conn: TConn, graceful: bool = False) -> None:
        """Close a connection; gracefully: let the client read first, and close when it did, without waiting here."""
        conn.received.close()
        try:
            if graceful:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.sock.setblocking(False)
                self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_leaving, conn))
                self._leaving[conn] = time.monotonic() + LINGER
                return
        except (OSError, ValueError):
            pass
        util.close(conn.sock)

    def _on_leaving(self, conn: TConn, _socket: Any) -> None:
        try:
            more = conn.sock.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            more = b""
        if not more:
            self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        del self._leaving[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        util.close(conn.sock)

    def murder_pending(self) -> None:
        """Part from clients that take too long."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, received in self._waiting.items() if received.is_late(now)]:
            self._drop(conn)
        for conn in [conn for conn, until in self._leaving.items() if now > until]:
            self._leave(conn)
