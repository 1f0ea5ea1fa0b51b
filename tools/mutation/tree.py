"""The copy of the tree that is mutated."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

from tools.mutation.common import (
    COPIED,
    HOME,
    KILLED,
    LEDGER,
    LEFT_OUT,
    ONE_DATABASE,
    ROOT,
    SAME,
    SURVIVED,
    is_chosen,
    is_mutated,
)

SETTINGS = """
[tool.mutmut]
source_paths = ["timebank"]
only_mutate = ["{ledger}/*"]
do_not_mutate = {left_out}
also_copy = ["manage.py", "settings", "marketplace", "tools"]
pytest_add_cli_args_test_selection = ["tests/ledger"]
pytest_add_cli_args = [
    "-m", "not slow and not e2e", "--hypothesis-seed=0",
    "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:playwright", "-p", "no:unraisableexception",
]
# A mutant may loop for ever: it has (what its tests took + 2 s) x 6 of the processor's time.
timeout_constant = 2.0
timeout_multiplier = 3.0
track_dependencies = false
"""


def copy(database: str, only: list[str]) -> Path:
    """Bring the copy of the tree up to date; if a test changed, forget who survived among what is chosen."""
    place = HOME / database
    place.mkdir(parents=True, exist_ok=True)
    for file in (HOME / "began", place / "commit"):
        if file.name == "commit" or not file.exists():
            file.write_text(commit())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *COPIED], cwd=ROOT, capture_output=True, check=True
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and not name.startswith("tools/mutation/")]
    files = {name for name in names if (ROOT / name).is_file()}
    before = {str(path.relative_to(place)) for top in COPIED for path in (place / top).rglob("*") if path.is_file()}
    changed = False
    for name in sorted(files | before):
        fresh = (ROOT / name).read_bytes() if name in files else None
        if name == "pyproject.toml":
            left_out = json.dumps([f"{LEDGER}/{item}" for item in [*LEFT_OUT, *foreign(database)]])
            fresh = (fresh or b"") + SETTINGS.format(ledger=LEDGER, left_out=left_out).encode()
        elif fresh is not None and is_mutated(name):
            fresh = without_decorators(fresh.decode()).encode()
        locked = place / name
        if fresh == (locked.read_bytes() if locked.is_file() else None):
            continue
        changed = changed or not (is_mutated(name) or name == "pyproject.toml")
        for old in (locked, place / "mutants" / name):
            old.unlink(missing_ok=True)
        if fresh is None:
            (place / "mutants" / f"{name}.meta").unlink(missing_ok=True)
        else:
            locked.parent.mkdir(parents=True, exist_ok=True)
            locked.write_bytes(fresh)
    # Made anew each time, in seconds: the mutants (what is known of them stays) and which test reaches what.
    for old in [*(place / "mutants" / LEDGER).rglob("*.py"), place / "mutants" / "mutmut-stats.json"]:
        old.unlink(missing_ok=True)
    for meta in (place / "mutants" / LEDGER).rglob("*.meta"):
        content = json.loads(meta.read_text())
        for name, code in content["exit_code_by_key"].items():
            kept = KILLED | {SAME} if changed and is_chosen(name, only) else KILLED | SURVIVED | {SAME}
            content["exit_code_by_key"][name] = code if code in kept else None
        meta.write_text(json.dumps(content))
    return place


def commit() -> str:
    """Name what is being copied."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--", *COPIED)
    return git("rev-parse", "--short=12", "HEAD") + (" with changes not committed" if changed else "")


def foreign(database: str) -> list[str]:
    return [module for module, its in ONE_DATABASE.items() if its != database]


def without_decorators(source: str) -> str:
    """Write ``@d def f`` as ``def f; f = d(f)``, which mutmut then mutates: a decorated function it leaves alone."""
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    result = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    for node in sorted(result, key=lambda node: node.lineno, reverse=True):
        call = node.name
        for decorator in reversed(node.decorator_list):
            call = f"{ast.get_source_segment(source, decorator)}({call})"
        lines.insert(node.end_lineno or node.lineno, f"{' ' * node.col_offset}{node.name} = {call}")
        first = node.decorator_list[0].lineno
        del lines[first - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def statements(source: str) -> dict[int, set[int]]:
    """Return for each line the lines of the statement that it is a part of (of a compound one, its head)."""
    parts: dict[int, set[int]] = {}
    # the innermost comes last, so that it has the last word
    for node in sorted((n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)), key=lambda n: n.lineno):
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        lines = set(range(node.lineno, max(end, node.lineno) + 1))
        for line in lines:
            parts[line] = lines
    return parts
