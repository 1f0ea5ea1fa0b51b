"""What is mutated, where it is kept, and what is known of every mutant."""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "var" / "mutation"
LEDGER = Path("timebank/ledger")
PINNED = Path(__file__).with_name("tool.txt")
WORDS = Path(__file__).with_name("words.toml")
RESULTS = Path(__file__).with_name("results.json")
REPORT = ROOT / "docs" / "mutation.md"
COPIED = ["manage.py", "pyproject.toml", "settings", "tests", "timebank", "marketplace", "tools"]
#: Not mutated: migrations run once in the template, and the receipt's script runs in a process of its own.
LEFT_OUT = ["migrations/*", "static/*", "testing.py", "urls.py"]
ONE_DATABASE = {
    "store/postgres.py": "postgresql",
    "store/quick.py": "postgresql",
    "store/sqlite.py": "sqlite",
    "store/wire.py": "postgresql",
}
#: Exit codes as mutmut keeps them: all tests passed or none reaches it; a test failed or the time was up (a signal).
#: Whatever else happened, the mutant counts as not tried.
SURVIVED = {0, 5, 33}
KILLED = {1, 3, 24, -24, 36, 152}
NOT_REACHED, SAME = 33, 34
SQL = re.compile(
    r'"(?:[^"]* )?(?:SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|WHERE|VALUES|ORDER BY|GROUP BY|BEFORE|AFTER|SET) '
)


@dataclass(frozen=True)
class Mutant:
    """A changed function as mutmut wrote it, and how it fared on each database."""

    key: str
    id: str
    module: str
    line: int
    before: str
    after: str
    fates: dict[str, int | None]

    @property
    def fate(self) -> str:
        """Return killed, survived, same or untried; to be killed on one database is to be killed."""
        if SAME in self.fates.values():
            return "same"
        if not KILLED.isdisjoint(self.fates.values()):
            return "killed"
        ran = set(self.fates.values()) & (SURVIVED - {NOT_REACHED})
        return "survived" if ran or not self.untried_on else "untried"

    @property
    def untried_on(self) -> list[str]:
        """Name the databases on which a survivor lives for all we know: no test was run there."""
        needed = {ONE_DATABASE[self.module]} if self.module in ONE_DATABASE else {"sqlite", "postgresql"}
        return sorted(needed - {database for database, code in self.fates.items() if code in SURVIVED})

    @property
    def is_same_sql(self) -> bool:
        """Tell whether only the case of SQL was changed, which has none outside its quotes (nor may ``%s`` change)."""
        if self.before.lower() != self.after.lower() or not SQL.search(self.before):
            return False
        return not any(mark in self.before + self.after for mark in ("'", "{", "%S"))


def is_mutated(name: str) -> bool:
    inner = name.removeprefix(f"{LEDGER}/")
    return inner != name and name.endswith(".py") and not any(Path(inner).match(left_out) for left_out in LEFT_OUT)


def is_chosen(mutant: str, only: list[str]) -> bool:
    modules = [str(LEDGER / item).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for item in only]
    return not only or mutant.rpartition(".")[0] in modules


def codes(place: Path) -> dict[str, int | None]:
    """Return the exit code of the tests by mutant, None where it was not tried."""
    result: dict[str, int | None] = {}
    for meta in sorted((place / "mutants" / LEDGER).rglob("*.meta")):
        result.update(json.loads(meta.read_text())["exit_code_by_key"])
    return result


def mutants(tree: Path = ROOT, database: str = "") -> Iterator[Mutant]:
    """Yield every mutant of every module (as made for one database), with the line it changes in the tree."""
    known = {name: codes(HOME / name) for name in ("sqlite", "postgresql")}
    for path in sorted((tree / LEDGER).rglob("*.py")):
        module = str(path.relative_to(tree / LEDGER))
        if not is_mutated(f"{LEDGER}/{module}"):
            continue
        made = HOME / (database or ONE_DATABASE.get(module, "sqlite")) / "mutants" / LEDGER / module
        if not made.exists():
            continue
        starts = functions(path.read_text())
        changed = functions(made.read_text())
        dotted = str(LEDGER / module).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        seen: Counter[str] = Counter()
        for name_, (_, body) in changed.items():
            inside, _, number = name_.rpartition("__mutmut_")
            if not number.isdigit():
                continue
            function = inside.rpartition(".")[2]
            function = function[1:].replace("ǁ", ".").strip(".") if "ǁ" in function else function[2:]
            offset, before, after = difference(changed[f"{inside}__mutmut_orig"][1], body)
            digest = hashlib.sha256(f"{before}\n{after}".encode()).hexdigest()[:6]
            id = f"{module}:{function}:{digest}"
            seen[id] += 1
            key = f"{dotted}.{name_.rpartition('.')[2]}"
            yield Mutant(
                key,
                id if seen[id] == 1 else f"{id}-{seen[id]}",
                module,
                starts[function][0] + offset if function in starts else 0,
                before,
                after,
                {name: item[key] for name, item in known.items() if key in item},
            )


def functions(source: str) -> dict[str, tuple[int, list[str]]]:
    """Return first line and text of each function, methods by ``Class.method``."""
    lines = source.splitlines()
    result = {}
    tree = ast.parse(source)
    for prefix, body in [("", tree.body), *((f"{c.name}.", c.body) for c in tree.body if isinstance(c, ast.ClassDef))]:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                result[prefix + node.name] = (node.lineno, lines[node.lineno - 1 : node.end_lineno])
    return result


def difference(old: list[str], new: list[str]) -> tuple[int, str, str]:
    """Return where a mutant differs from its original, and how, without what both lines share."""
    matcher = difflib.SequenceMatcher(None, old[1:], new[1:], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            return (
                i1 + 1,
                " ".join(map(str.strip, old[i1 + 1 : i2 + 1])),
                " ".join(map(str.strip, new[j1 + 1 : j2 + 1])),
            )
    return 0, old[0].partition("(")[2], new[0].partition("(")[2]  # a default in the head
