"""Money is posted through the book alone: who writes to the ledger, read from the sources."""

from __future__ import annotations

import ast
from pathlib import Path

from timebank.ledger import services as ledger

ROOT = Path(__file__).resolve().parents[2]
#: What in ``timebank.ledger`` writes. A new one must be added here by hand: then it is looked at.
LEDGER_WRITERS = {
    "anchor",
    "capture",
    "close_account",
    "expire_due",
    "hold",
    "lapse_due_holds",
    "open_account",
    "open_accounts",
    "post",
    "post_many",
    "refund",
    "release",
    "reverse",
    "seal",
    "seal_all",
    "set_expiry_account",
    "set_expiry_accounts",
    "restore_lapsed",
    "assume_debt",
    "take_back",
    "lapsed_of",  # reads
}
#: What can make or move points.
POINT_WRITERS = LEDGER_WRITERS - {
    "anchor",
    "seal",
    "seal_all",
    "set_expiry_account",
    "set_expiry_accounts",
    "close_account",
    "lapsed_of",
}
MONEY_APPS = ("funds", "payments", "sponsors")


def test_the_list_of_ledger_writers_is_whole() -> None:
    functions = {name for name in ledger.__all__ if not isinstance(getattr(ledger, name), type)}
    assert functions == LEDGER_WRITERS


def ledger_calls(path: Path) -> set[str]:
    """Name the ledger's writers that a file imports or calls by the module's name."""
    tree = ast.parse(path.read_text())
    modules, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("timebank.ledger"):
            for alias in node.names:
                if alias.name in {"services", "accounts", "posting", "corrections", "holds", "expiry", "store"}:
                    modules.add(alias.asname or alias.name)
                elif "services" in (node.module or "") and alias.name in LEDGER_WRITERS:
                    found.add(alias.name)
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name.startswith("timebank.ledger.")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(node.attr)
    return found & LEDGER_WRITERS


MONEY_WRITERS = ("marketplace/funds/book.py", "marketplace/funds/posting.py")


def test_money_is_posted_only_through_the_book() -> None:
    """The apps of money reach the ledger's writers in the book and the posting below it; what is posted is CNY."""
    files = [path for app in MONEY_APPS for path in (ROOT / "marketplace" / app).rglob("*.py")]
    assert len(files) > 10
    users = {str(path.relative_to(ROOT)): calls for path in files if (calls := ledger_calls(path))}
    assert users == {
        "marketplace/funds/book.py": {"reverse"},
        "marketplace/funds/posting.py": {"post", "open_accounts"},
    }


def test_no_one_else_posts_in_cny() -> None:
    said = [
        str(path.relative_to(ROOT))
        for top in ("timebank", "marketplace")
        for path in (ROOT / top).rglob("*.py")
        if '"CNY"' in path.read_text() and "timebank.ledger" in path.read_text() and "migrations" not in path.parts
    ]
    assert set(said) <= {"marketplace/funds/posting.py", "timebank/ledger/units.py"} | {
        one for one in said if one.startswith(("marketplace/payments/", "marketplace/sponsors/"))
    }


def test_no_point_is_posted_from_money() -> None:
    """Rule 1: nothing that posts points can be reached from the apps of money."""
    seen, guilty = reached([path for app in MONEY_APPS for path in (ROOT / "marketplace" / app).rglob("*.py")])
    assert guilty == {}
    assert {ROOT / name for name in MONEY_WRITERS} <= seen


def test_control_a_service_that_redeems_reaches_the_posting_of_points() -> None:
    _seen, guilty = reached([ROOT / "marketplace/rewards/services/kept.py"])
    assert "marketplace/rewards/services/redemption/paying.py" in guilty


def reached(todo: list[Path]) -> tuple[set[Path], dict[str, list[str]]]:
    """Follow what services import of services, name by name; return the files, and those that write points."""
    seen: set[Path] = set()
    guilty: dict[str, list[str]] = {}
    while todo:
        path = todo.pop()
        if path in seen or "migrations" in path.parts or "management" in path.parts:
            continue
        seen.add(path)
        relative = str(path.relative_to(ROOT))
        if relative.startswith("timebank/ledger/") or relative in MONEY_WRITERS:
            continue
        if calls := ledger_calls(path) & POINT_WRITERS - {"open_account", "open_accounts"}:
            guilty[relative] = sorted(calls)
        todo += imported_services(path) - seen
    return seen, guilty


def imported_services(path: Path) -> set[Path]:
    """List the files of the services that a file takes names from (services alone write)."""
    tree = ast.parse(path.read_text())
    found: set[Path] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        base = ROOT / Path(*node.module.split("."))
        for alias in node.names:
            if ".services" in f".{node.module}.":
                found |= origins(base, alias.name)
            elif alias.name == "services":
                local = alias.asname or alias.name
                for name in attributes(tree, local):
                    found |= origins(base / "services", name)
    return found


def attributes(tree: ast.AST, local: str) -> set[str]:
    """List what a file takes from the module that it calls ``local``."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == local
    }


def origins(base: Path, name: str) -> set[Path]:
    """Return the file in which a name of a package or module of services is defined."""
    if base.with_suffix(".py").exists():
        return {base.with_suffix(".py")}
    if (base / f"{name}.py").exists():
        return {base / f"{name}.py"}
    if (base / name / "__init__.py").exists():
        return set((base / name).glob("*.py"))
    package = base / "__init__.py"
    if not package.exists():
        return set()
    for node in ast.walk(ast.parse(package.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return origins(ROOT / Path(*node.module.split(".")), alias.name)
    return {package}
