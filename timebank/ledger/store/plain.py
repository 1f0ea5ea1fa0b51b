"""A statement of PostgreSQL, and the plain way to send it: Django's connection, one round trip for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

Values = Sequence[bytes | None]


class Statement(NamedTuple):
    """A statement, prepared once per connection where that is done; ``formats``: which values are binary (1)."""

    name: bytes
    text: bytes
    formats: tuple[int, ...] | None = None
    result_format: int = 0


class Plain:
    """A connection of Django's, inside a transaction that ``atomic`` began and ends."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, *statements: tuple[Statement, Values]) -> list[Any]:
        """Send one after the other; return their answers. The first that fails is raised."""
        self.connection.validate_no_broken_transaction()
        return [self._run(statement, values) for statement, values in statements]

    def _run(self, statement: Statement, values: Values) -> Any:
        began = time.monotonic()
        texts = [None if value is None else value.decode() for value in values]
        with self.connection.wrap_database_errors, psycopg.RawCursor(self.connection.connection) as cursor:
            cursor.execute(statement.text, texts)
            answer = cursor.pgresult
        if self.connection.queries_logged:
            spent = f"{time.monotonic() - began:.3f}"
            self.connection.queries_log.append({"sql": statement.text.decode(), "time": spent})
        return answer
