"""Where the time goes: statements by what they take, functions by their own time and with what they call."""

from __future__ import annotations

import cProfile
import pstats
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NEARLY_ALL = 0.93  # what takes more is what everything else is called by


def profiled(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do ``work`` under a profiler; return what it returns and the shares of its time, by statement and function."""
    with _statements() as seen:
        profiler = cProfile.Profile()
        began = time.perf_counter()
        profiler.enable()
        done = work()
        profiler.disable()
        total = time.perf_counter() - began
    statements = [
        {"share": spent / total, "count": count, "sql": sql}
        for sql, (spent, count) in sorted(seen.items(), key=lambda one: -one[1][0])[:8]
    ]
    functions = []
    for (file, _line, name), (_calls, count, own, spent, _callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        functions.append({"share": spent / total, "own": own / total, "count": count, "name": _named(file, name)})
    functions = [one for one in functions if "bench" not in one["name"]]
    return {
        **done,
        "database": sum(spent for spent, _count in seen.values()) / total,
        "statements": sum(count for _spent, count in seen.values()),
        "sql": statements,
        "cumulative": sorted(functions, key=lambda one: -one["share"])[:100],
        "own": sorted(functions, key=lambda one: -one["own"])[:12],
    }


def in_words(profile: dict[str, Any], most: int = 25) -> str:
    """Write which functions take the time."""
    telling = [one for one in profile["cumulative"] if one["share"] < NEARLY_ALL][:most]
    taken = ", ".join(f"{one['share']:.0%} {one['name']}" for one in telling)
    return f"by cumulative time: {taken}; by own time: " + ", ".join(
        f"{one['own']:.0%} {one['name']}" for one in profile["own"]
    )


@contextmanager
def _statements() -> Iterator[dict[str, list[float]]]:
    from django.db import connection

    seen: dict[str, list[float]] = {}

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            entry = seen.setdefault(_plain(sql), [0.0, 0])
            entry[0] += time.perf_counter() - began
            entry[1] += 1

    with connection.execute_wrapper(note):
        yield seen


def _plain(sql: str) -> str:
    """Return a statement in short: its columns and values say nothing about which it is."""
    sql = re.sub(r"\s+", " ", sql).strip()
    sql = re.sub(r"(%s, )+%s", "…", sql)
    sql = re.sub(r"(\(…\), )+\(…\)", "(…)", sql)
    sql = re.sub(r'^SELECT "?.*? FROM', "SELECT … FROM", sql)
    return sql[:110]


def _named(file: str, name: str) -> str:
    parts = Path(file).parts
    return f"{'/'.join(parts[-2:])}:{name}" if len(parts) > 1 else name
