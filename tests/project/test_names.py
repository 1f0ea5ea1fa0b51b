"""Names are the field's: no function, class, argument, field or module carries a word of the glossary's last table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("timebank", "marketplace", "settings", "tools")
WHOLE = {
    "who",
    "why",
    "at",
    "one",
    "found",
    "moment",
    "there",
    "note_events",
    "kit",
    "face",
    "story",
    "slip",
    "noticed",
    "came",
}
#: A name that is the term itself; each with its reason.
EXCEPT = {"timebank/policy/engine.py: at": "a tier's threshold: so many hours at which its points are reached"}
PARTS = {"room", "door", "furniture", "nought", "eat", "eats", "eaten", "noticed", "slip", "kit"}
WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """List what a file names itself: definitions, arguments and what is assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def forbidden(name: str) -> bool:
    words = {word.lower() for word in WORDS.findall(name)}
    return name in WHOLE or bool(words & PARTS)


def sources() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts and "static" not in path.parts]


def test_no_name_is_a_private_word():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources()
        for line, name in names(ast.parse(path.read_text(encoding="utf-8")))
        if forbidden(name) and f"{path.relative_to(ROOT)}: {name}" not in EXCEPT
    ]
    wrong += [str(path.relative_to(ROOT)) for path in sources() if forbidden(path.stem)]
    assert wrong == []


@pytest.mark.parametrize("name", ["who", "RoomForm", "_door", "noticed_record_for", "eat_lots", "moment"])
def test_control_the_old_names_are_refused(name):
    assert forbidden(name)


@pytest.mark.parametrize("name", ["household", "published", "great", "seat", "occurred_at", "receipt"])
def test_control_the_fields_names_are_not(name):
    assert not forbidden(name)
