"""What must be right before Django makes a request of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_CHARSET = re.compile(r"""\bcharset\s*=\s*("[^"]*"|[^;\s]*)""", re.I)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def read_as_utf8(application: Application) -> Application:
    """Let no request choose its own charset.

    Django reads the query by it while it makes the request object, outside of everything that turns an exception into
    an answer; a codec like ``idna`` ended in a bare 500 there.
    """

    def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kind = environ.get("CONTENT_TYPE", "")
        if "charset" in kind.lower():
            environ["CONTENT_TYPE"] = _CHARSET.sub("charset=utf-8", kind)
        return application(environ, start_response)

    return plain


MOST_BYTES = 25 * 1024 * 1024  # the largest file that any form of ours takes is 20 MB


def refuse_large(application: Application) -> Application:
    """Answer a body that is too large, or of unknown length, before a byte of it is read or kept.

    Django spools an upload to the disk before a view can refuse it, also that of a stranger.
    """

    def bounded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return _refused(start_response, "411 Length Required", "Send the length of what you send.")
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > MOST_BYTES:
            return _refused(
                start_response, "413 Content Too Large", "文件太大，最多 20 MB。 The file is too large: at most 20 MB."
            )
        return application(environ, start_response)

    return bounded


def _refused(start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    start_response(status, headers)
    return [body]
