"""Count what the code weighs, at a commit before and now: writes docs/figures.md.

    python -m tools.figures [--before COMMIT]

Everything is counted from files by this command; seconds are those of the last run of the suite (var/test-results).
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "figures.md"
FIRST_RUN = ROOT / "var" / "first-run.json"
RESULTS = ROOT / "var" / "test-results"
#: The last commit before the issue HOUSE: contract, names, lighter.
BEFORE = "40989c8~1"
SOURCES = ("timebank", "marketplace", "settings")
SHORT = 25
#: What an app was called before.
RENAMED = {"timebank/face": "timebank/ui", "marketplace/console": "marketplace/desk"}
RENAMED |= {"marketplace/dashboard": "marketplace/operators"}
_PINNED = re.compile(
    r"def test_redeem_(?:page_sends_so_many|of_one_line).*?(len\(statements\(seen\)\) == |query_budget\()(\d+)", re.S
)


def git(*words: str, cwd: Path = ROOT) -> str:
    """Run git and return what it says; raises ``CalledProcessError``."""
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()


def modules(root: Path, tops: tuple[str, ...]) -> Iterator[Path]:
    """List the Python files below these folders, migrations left out."""
    for top in tops:
        yield from (path for path in sorted((root / top).rglob("*.py")) if "migrations" not in path.parts)


def app_of(path: Path, root: Path) -> str:
    """Name the app of a file as it is called now."""
    parts = path.relative_to(root).parts
    name = parts[0] if len(parts) < 3 else "/".join(parts[:2])
    return RENAMED.get(name, name)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def count(root: Path) -> tuple[dict[str, float | str], Counter[str]]:
    """Count a tree; return its figures, and its lines of source by app."""
    by_app: Counter[str] = Counter()
    errors = short = 0
    for path in modules(root, SOURCES):
        number = lines(path)
        by_app[app_of(path, root)] += number
        short += 0 < number < SHORT
        if path.name == "errors.py" or "errors" in path.parent.parts[-1:]:
            errors += sum(isinstance(node, ast.ClassDef) for node in ast.parse(path.read_text(encoding="utf-8")).body)
    return {
        "Lines of source (Python, without migrations)": sum(by_app.values()),
        "Lines of tests": sum(map(lines, modules(root, ("tests",)))),
        "Error classes": errors,
        f"Source files under {SHORT} lines": short,
        "Statements of `redeem`, as its test pins them": pinned(root),
        "A shallow clone, MB": 0,
    }, by_app


def pinned(root: Path) -> str:
    """Return how many statements the test of ``redeem`` allows."""
    text = (root / "tests/rewards/test_redeem.py").read_text(encoding="utf-8")
    limit = _PINNED.search(text)
    return f"{'' if '==' in limit[1] else '≤ '}{limit[2]}" if limit else "not pinned"


def clone_size(commit: str, folder: Path) -> float:
    """Clone one commit without history; return its size in MB, tree and repository."""
    folder.mkdir()
    git("init", "--quiet", cwd=folder)
    environment = {**os.environ, "GIT_CONFIG_COUNT": "1"}
    environment |= {"GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_0": "true"}
    for words in (["fetch", "--quiet", "--depth", "1", ROOT.as_uri(), commit], ["checkout", "--quiet", "FETCH_HEAD"]):
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)
    return round(sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6, 1)


def seconds() -> dict[str, dict[str, float]]:
    """Return what each app's tests took in the last run, by database."""
    spent_by_run = {}
    for path in sorted(RESULTS.glob("*.json")):
        if spent := json.loads(path.read_text(encoding="utf-8")).get("seconds"):
            spent_by_run[path.stem] = spent
    return spent_by_run


def first_run() -> list[str]:
    """Return what `python -m tools.first_run` measured, as the rows of a table."""
    if not FIRST_RUN.exists():
        return ["Not measured: `python -m tools.first_run` does it."]
    figures = json.loads(FIRST_RUN.read_text(encoding="utf-8"))
    return ["| `make run` in a fresh clone | |", "|---|--:|", *(f"| {t} | {_figure(v)} |" for t, v in figures.items())]


def page(before: str) -> str:
    """Compose the page."""
    with tempfile.TemporaryDirectory() as name:
        trees = {}
        for label, commit in (("before", git("rev-parse", before)), ("now", git("rev-parse", "HEAD"))):
            folder = Path(name) / label
            size = clone_size(commit, folder)
            figures, by_app = count(folder)
            trees[label] = (commit[:12], figures | {"A shallow clone, MB": size}, by_app)
    (old, was, apps_was), (new, now, apps_now) = trees["before"], trees["now"]
    kept = [app for app in apps_now if app in apps_was]
    rows = [f"| {title} | {_figure(was[title])} | {_figure(now[title])} |" for title in now]
    same = (
        f"| Lines of source in the {len(kept)} apps that stood before | {_figure(sum(apps_was[a] for a in apps_was))} |"
    )
    rows.insert(1, f"{same} {_figure(sum(apps_now[a] for a in kept))} |")
    parts = [
        "# Figures",
        "",
        "Written by `make figures`, nothing typed by hand. *Before* is the last commit before the issue HOUSE.",
        "",
        f"| | before (`{old}`) | now (`{new}`) |",
        "|---|--:|--:|",
        *rows,
        "",
        "## Lines of source by app",
        "",
        "| App | before | now |",
        "|---|--:|--:|",
        *(
            f"| {app} | {_figure(apps_was.get(app, '–'))} | {_figure(apps_now.get(app, '–'))} |"
            for app in sorted({*apps_was, *apps_now})
        ),
        "",
        "## The first `make run`",
        "",
        *first_run(),
        "",
        "## Seconds of the suite by app, last run",
        "",
    ]
    spent = seconds()
    if not spent:
        parts.append("No run of the suite has left its seconds in `var/test-results`.")
    else:
        parts += [f"| tests/ | {' | '.join(spent)} |", "|---|" + "--:|" * len(spent)]
        for app in sorted({app for by_app in spent.values() for app in by_app}):
            parts.append(f"| {app} | {' | '.join(_figure(by_app.get(app, '–')) for by_app in spent.values())} |")
    return "\n".join(parts) + "\n"


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.figures", description=__doc__)
    parser.add_argument("--before", default=BEFORE)
    PAGE.write_text(page(parser.parse_args().before), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
