"""Rows in parts that one statement may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batched(rows: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Yield ``rows`` in parts of at most ``size``. (``itertools.batched`` comes with Python 3.12.)"""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
