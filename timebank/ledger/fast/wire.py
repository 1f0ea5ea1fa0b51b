"""Send prepared statements through ``psycopg.pq``, the documented thin layer over libpq, on Django's own connection.

A prepared statement with a generic plan costs a fraction of the same text sent and planned again. What is sent still
appears in Django's query log, so query budgets count it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from timebank.ledger.store.plain import Statement, Values

BEGIN = Statement(b"ledger_begin", b"BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = Statement(b"ledger_commit", b"COMMIT")

_prepared: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()


class Wire:
    """A connection of Django's, as the ledger uses it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def idle(self) -> bool:
        """Say that no transaction is open."""
        return bool(self._raw().pgconn.transaction_status == TransactionStatus.IDLE)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction with the first statement; end it here, unless a statement has brought its COMMIT."""
        self.connection.close_if_health_check_failed()
        self.connection.ensure_connection()
        pgconn = self.connection.connection.pgconn
        try:
            yield
            if pgconn.transaction_status != TransactionStatus.IDLE:  # nothing was written
                self.check(pgconn.exec_(COMMIT.text))
        finally:
            if pgconn.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
                pgconn.exec_(b"ROLLBACK")

    def run(self, *statements: tuple[Statement, Values], commit: bool = False) -> list[Any]:
        """Send all in one round trip, with the BEGIN if need be and the COMMIT if told so; return their answers.

        The first that fails stops those after it and is raised.
        """
        raw = self._raw()
        steps = [*statements, (COMMIT, ())] if commit else [*statements]
        # psycopg opens the transaction with its own first statement; ours go beneath it
        idle = self.idle
        if idle:
            steps.insert(0, (BEGIN, ()))
        began = time.monotonic()
        try:
            return self._send(raw, steps)[idle:]
        finally:
            if self.connection.queries_logged:
                self._log([statement for statement, _values in statements], time.monotonic() - began)

    def start(self, statement: Statement, values: Values) -> None:
        """Send one statement; its answer is fetched by ``finish``. Outside a transaction it is one by itself."""
        raw = self._raw()
        pgconn = raw.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE and not self.connection.get_autocommit():
            self.check(pgconn.exec_(BEGIN.text))
        if prepared := raw.prepare_threshold is None:
            self._prepare(raw, statement)
        with self.connection.wrap_database_errors:
            try:
                if prepared:
                    pgconn.send_query_prepared(statement.name, values, statement.formats, statement.result_format)
                else:
                    pgconn.send_query_params(statement.text, values, None, statement.formats, statement.result_format)
                while pgconn.flush():  # it does not begin before it has all
                    _wait(pgconn, writing=True)
            except BaseException:
                raw.close()  # an answer may still be on its way: nobody can use this connection any more
                raise

    def finish(self, statement: Statement) -> Any:
        """Wait for the answer to what ``start`` sent."""
        raw = self._raw()
        began = time.monotonic() if self.connection.queries_logged else 0.0
        with self.connection.wrap_database_errors:
            try:
                result = _result(raw.pgconn)
                # Outside a transaction the commit follows the answer: where it fails (a full disk, a deferred
                # constraint), the refusal comes second, and the last word counts.
                while (later := _result(raw.pgconn)) is not None:
                    result = later
            except BaseException:
                raw.close()
                raise
        if began:
            self._log([statement], time.monotonic() - began)
        return self.check(result)

    def check(self, item: Any) -> Any:
        """Raise what the answer says, as Django does."""
        if item is None:
            with self.connection.wrap_database_errors:
                raise psycopg.OperationalError("the connection to the database is lost")
        if item.status in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            return item
        with self.connection.wrap_database_errors:
            raise psycopg.errors.error_from_result(item)

    def _raw(self) -> psycopg.Connection[Any]:
        self.connection.validate_no_broken_transaction()
        raw: psycopg.Connection[Any] = self.connection.connection
        return raw

    def _send(self, raw: psycopg.Connection[Any], steps: Sequence[tuple[Statement, Values]]) -> list[Any]:
        pgconn = raw.pgconn
        # when somebody lets psycopg prepare too, it may drop all prepared statements, so none is relied on
        prepared = raw.prepare_threshold is None
        if prepared:
            for statement, _values in steps:
                self._prepare(raw, statement)
        with self.connection.wrap_database_errors:
            try:
                pgconn.enter_pipeline_mode()
                for statement, values in steps:
                    if prepared:
                        pgconn.send_query_prepared(statement.name, values)
                    else:
                        pgconn.send_query_params(statement.text, values)
                pgconn.pipeline_sync()
                results = []
                for _step in steps:
                    results.append(_result(pgconn))
                    _result(pgconn)  # the end of this step
                _result(pgconn)  # the end of all
                pgconn.exit_pipeline_mode()
            except BaseException:
                raw.close()
                raise
        return [self.check(result) for result in results]

    def _prepare(self, raw: psycopg.Connection[Any], statement: Statement) -> None:
        names = _prepared.get(raw)
        if names is None:
            names = _prepared[raw] = set()
        if statement.name not in names:
            self.check(raw.pgconn.prepare(statement.name, statement.text))
            names.add(statement.name)

    def _log(self, statements: Sequence[Statement], spent: float) -> None:
        for statement in statements:
            self.connection.queries_log.append(
                {"sql": statement.text.decode(), "time": f"{spent / len(statements):.3f}"}
            )


def _wait(pgconn: Any, *, writing: bool) -> None:
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if writing else 0))
    poll.poll()
    pgconn.consume_input()


def _result(pgconn: Any) -> Any:
    """Wait for the next answer and let other threads run meanwhile.

    libpq's own wait does not, as psycopg calls it: two threads, one with a lock and one that waits for it, would stop
    each other for ever.
    """
    unsent = pgconn.flush()
    while pgconn.is_busy():
        _wait(pgconn, writing=bool(unsent))
        unsent = unsent and pgconn.flush()
    return pgconn.get_result()
