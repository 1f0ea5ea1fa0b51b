"""Every public service has a way to it: a page, a command or a task calls it, directly or through other services."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Services that wait for their page, each with the issue that brings it. The goal is ten; the list only gets shorter.
WAITING: dict[str, str] = {
    **dict.fromkeys(
        ("capture",),
        "MARKET: bookings and metered services",
    ),
    **dict.fromkeys(
        (
            "close_overdue",
            "credit_due",
            "expire_tickets",
            "lapse_due_holds",
        ),
        "SAFE: mend and resend, reversal; the sweeps call their rows",
    ),
    **dict.fromkeys(
        ("close_resident", "erase_old_lists"),
        "VILLAGE: founding, people",
    ),
}
MOST_WAITING = 8


def files() -> list[Path]:
    listed = [path for top in ("timebank", "marketplace", "settings") for path in sorted((ROOT / top).rglob("*.py"))]
    return [path for path in listed if not {"migrations", "demo", "testing.py"} & set(path.parts)]


def is_service(path: Path) -> bool:
    return "services" in path.parts or path.name == "services.py"


def used(node: ast.AST) -> Iterator[str]:
    """List the names that a piece of code mentions; a dotted string (a declaration) mentions its last part."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and "." in part.value:
            yield part.value.rpartition(".")[2]


def without_callers(doors: list[ast.AST], services: dict[str, list[ast.AST]]) -> set[str]:
    """Return the services that nothing reaches: from the doors on, through the services that are reached."""
    reached = {name for door in doors for name in used(door)}
    todo = [name for name in services if name in reached]
    while todo:
        for node in services[todo.pop()]:
            fresh = {name for name in used(node) if name in services} - reached
            reached |= fresh
            todo += fresh
    return set(services) - reached


def collect() -> tuple[list[ast.AST], dict[str, list[ast.AST]]]:
    doors: list[ast.AST] = []
    services: dict[str, list[ast.AST]] = {}
    for path in files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not is_service(path):
            doors.append(tree)
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                services.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and path.name != "__init__.py":
                doors.append(node)  # a table of functions stands for its reader
    return doors, services


def test_every_public_service_has_a_caller():
    alone = {name for name in without_callers(*collect()) if not name.startswith("_")}
    assert sorted(alone - set(WAITING)) == []
    assert sorted(set(WAITING) - alone) == [], "take it from the list: it has a caller now"
    assert len(WAITING) <= MOST_WAITING


def test_control_a_service_that_only_a_dead_one_calls_is_found():
    code = "def page_uses(): inner()\ndef inner(): pass\ndef dead(): dead_too()\ndef dead_too(): pass"
    services = {node.name: [node] for node in ast.parse(code).body}
    assert without_callers([ast.parse("page_uses()")], services) == {"dead", "dead_too"}
