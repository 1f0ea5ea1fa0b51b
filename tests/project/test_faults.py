"""The table of the kinds of fault names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def gone(text: str) -> list[str]:
    """Return the tests that a text names and that are not there."""
    files = {path: REPOSITORY / path for path, _test in NAMED.findall(text)}
    sources = {path: file.read_text(encoding="utf-8") if file.exists() else "" for path, file in files.items()}
    return [f"{path}::{test}" for path, test in NAMED.findall(text) if f"def {test}(" not in sources[path]]


def test_each_kind_of_fault_names_tests_that_are_there() -> None:
    text = (REPOSITORY / "docs/faults.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (K\d+) (.*)$", text, re.M))
    assert list(rows) == [f"K{number}" for number in range(1, 23)]
    assert [kind for kind, row in rows.items() if not NAMED.search(row)] == []
    assert gone(text) == []


def test_control_a_test_that_is_gone_is_named() -> None:
    assert gone("`tests/project/test_faults.py::test_nothing`") == ["tests/project/test_faults.py::test_nothing"]
    assert gone("`tests/nowhere.py::test_nothing`") == ["tests/nowhere.py::test_nothing"]
