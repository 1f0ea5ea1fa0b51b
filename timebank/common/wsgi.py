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
