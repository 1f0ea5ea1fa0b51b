"""A process that ends in the middle of its work, at the n-th statement from now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """The process ends here: nothing catches it, every open transaction is rolled back."""


def killed_after(count: int) -> Callable[..., Any]:
    """Return an ``execute_wrapper`` that lets ``count`` statements through."""
    done = 0

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal done
        done += 1
        if done > count and not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            raise Killed
        return execute(sql, *rest)

    return wrapper
