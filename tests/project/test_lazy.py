"""Lazy texts stay lazy: one with a figure put in while a module loads speaks the language of that moment for ever."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAZY = {"gettext_lazy", "pgettext_lazy", "ngettext_lazy"}
CONTROL = 'from django.utils.translation import gettext_lazy as _\nNAME = _("at %s") % 7\n'


def filled_too_early(source: str) -> Iterator[int]:
    """Yield the lines, outside functions, at which something is put into a lazy text."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in LAZY
    }

    def is_lazy(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names

    def look(node: ast.AST) -> Iterator[int]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.BinOp) and is_lazy(node.left):
            yield node.lineno
        if isinstance(node, ast.FormattedValue) and is_lazy(node.value):
            yield node.lineno
        if isinstance(node, ast.Attribute) and is_lazy(node.value):  # .format(…)
            yield node.lineno
        for child in ast.iter_child_nodes(node):
            yield from look(child)

    return look(tree)


def test_no_lazy_text_is_filled_while_a_module_loads() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "timebank/*.py", "marketplace/*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    assert len(files) > 400
    assert [f"{file}:{line}" for file in files for line in filled_too_early(file.read_text(encoding="utf-8"))] == []
    assert list(filled_too_early(CONTROL)) == [2]
