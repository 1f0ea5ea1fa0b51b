"""What a page says, and that a refusal changed nothing."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from typing import Any

from tests.factories.service import everything


def text_of(response: Any) -> str:
    """Return what a page says, without markup."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


@contextlib.contextmanager
def refusal_of_nothing() -> Iterator[None]:
    """Expect that nothing changes, without an exception."""
    before = everything()
    yield
    assert everything() == before
