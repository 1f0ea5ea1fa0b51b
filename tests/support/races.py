"""Real races: threads that start at the same moment, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """What the threads of one race gave back, in the order of their numbers."""

    results: list[Any] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def of(self, kind: type[BaseException]) -> list[BaseException]:
        """Return the errors of one kind."""
        return [error for error in self.errors if isinstance(error, kind)]

    def raise_unless(self, *expected: type[BaseException]) -> Outcome:
        """Raise the first error that is of no expected kind; return itself otherwise."""
        for error in self.errors:
            if not isinstance(error, expected):
                raise error
        return self


def run_concurrently(fn: Callable[..., Any], n: int, *, timeout: float = 60) -> Outcome:
    """Call ``fn`` in ``n`` threads that wait for each other at a barrier; collect results and exceptions.

    ``fn`` gets the thread's number (0 … n-1) if it takes an argument. Every thread connects before the barrier, so
    that the race is about rows and not about who connects first, and closes its connections at the end.
    """
    from django.db import connection, connections

    wants_number = bool(fn.__code__.co_argcount) if hasattr(fn, "__code__") else False
    barrier = threading.Barrier(n, timeout=timeout)
    results: dict[int, Any] = {}
    errors: dict[int, BaseException] = {}

    def body(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            results[number] = fn(number) if wants_number else fn()
        except BaseException as error:  # noqa: BLE001 (the caller judges every outcome)
            errors[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=body, args=(number,), daemon=True) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    stuck = [thread for thread in threads if thread.is_alive()]
    if stuck:
        raise TimeoutError(f"{len(stuck)} of {n} threads did not end within {timeout:.0f} s: a lock that nobody frees?")
    return Outcome([results[key] for key in sorted(results)], [errors[key] for key in sorted(errors)])
