"""Change the ledger's code one small piece at a time and see whether a test notices; writes docs/mutation.md.

    python -m tools.mutation [--minutes 60] [--only services/holds.py …] [--fresh] [--report]

mutmut makes the mutants of a copy of the tree in ``var/mutation`` and runs, for each, the tests that reach the changed
function, fastest first, until one fails. First on SQLite; what lives there is tried again on PostgreSQL, because some
code is for one database only. A run that is stopped, or out of minutes, goes on where it was. ``tools/mutation.toml``
has a word for every survivor; one without fails the command.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "var" / "mutation"
LEDGER = Path("timebank/ledger")
PINNED = ROOT / "tools" / "mutation.txt"
WORDS = ROOT / "tools" / "mutation.toml"
REPORT = ROOT / "docs" / "mutation.md"
COPIED = ["manage.py", "pyproject.toml", "settings", "tests", "timebank", "marketplace", "tools"]
#: Not mutated: migrations run once in the template, and the receipt's script runs in a process of its own.
LEFT_OUT = ["migrations/*", "static/*", "testing.py", "urls.py"]
ONE_DATABASE = {
    "partitions.py": "postgresql",
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


#: The first half of ``mutmut run``: so it is known what there is to try before a server is started and tests are run.
GENERATE = """
from pathlib import Path
Path("mutants").mkdir(exist_ok=True)
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants
copy_src_dir()
copy_also_copy_files()
create_mutants(1)
"""
#: ``mutmut run``, but the tests of a mutant in portions, the fastest first: to collect five hundred tests takes longer
#: than to run the few that notice most mutants. And time is the processor's only: a run that somebody pauses, or a busy
#: machine, must not look like a mutant that loops (a test that sleeps for ever still ends by pytest-timeout).
RUN = """
from mutmut.__main__ import cli
from mutmut.workers import isolation
from mutmut.runners.harness import PytestRunner
whole = PytestRunner.run_tests
def in_portions(self, *, mutant_name, tests):
    tests = list(tests)
    if mutant_name is None:
        return whole(self, mutant_name=None, tests=tests)
    for portion in (tests[:20], tests[20:100], tests[100:]):
        if portion and (code := whole(self, mutant_name=mutant_name, tests=portion)):
            return code
    return 0
PytestRunner.run_tests = in_portions
isolation.register_timeout = lambda **told: None
cli()
"""


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
        needed = {ONE_DATABASE[self.module]} if self.module in ONE_DATABASE else {"sqlite", "postgresql"}
        tried = {database for database, code in self.fates.items() if code in SURVIVED}
        return "survived" if needed <= tried else "untried"

    @property
    def is_same_sql(self) -> bool:
        """Tell whether only the case of SQL was changed, which has none outside its quotes (nor may ``%s`` change)."""
        if self.before.lower() != self.after.lower() or not SQL.search(self.before):
            return False
        return not any(mark in self.before + self.after for mark in ("'", "{", "%S"))


def main() -> int:
    """Run what is left to run, write the report; 1 when a survivor has no word or a mutant is untried."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long; the next run goes on")
    parser.add_argument("--only", nargs="+", default=[], metavar="MODULE", help="such as plan.py or services/holds.py")
    parser.add_argument("--fresh", action="store_true", help="forget all results of earlier runs")
    parser.add_argument("--report", action="store_true", help="run nothing, only write docs/mutation.md")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(HOME, ignore_errors=True)
    end = time.monotonic() + options.minutes * 60
    if not options.report:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, signal.default_int_handler)
        HOME.mkdir(parents=True, exist_ok=True)
        lock = (HOME / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("Another run is under way here.") from None
        tool = _install()
        with contextlib.suppress(KeyboardInterrupt):  # the report tells what is known by then
            for database in ("sqlite", "postgresql"):
                _run(database, tool, options.only, end)
    return _report()


def _install() -> Path:
    """Put mutmut beside our environment, not into it."""
    target = HOME / "tool"
    mark = target / "made-from"
    wanted = hashlib.sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(target, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
        subprocess.run([*command, "-r", str(PINNED)], check=True)
        mark.write_text(wanted)
    return target


# -- The copy ----------------------------------------------------------------------------------------------------------
def _copy(database: str, only: list[str]) -> Path:
    """Bring the copy of the tree up to date; if a test changed, forget who survived among what is chosen."""
    place = HOME / database
    place.mkdir(parents=True, exist_ok=True)
    for file in (HOME / "began", place / "commit"):
        if file.name == "commit" or not file.exists():
            file.write_text(_commit())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *COPIED], cwd=ROOT, capture_output=True, check=True
    )
    files = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    before = {str(path.relative_to(place)) for top in COPIED for path in (place / top).rglob("*") if path.is_file()}
    changed = False
    for name in sorted(files | before):
        fresh = (ROOT / name).read_bytes() if name in files else None
        if name == "pyproject.toml":
            left_out = json.dumps([f"{LEDGER}/{one}" for one in [*LEFT_OUT, *_foreign(database)]])
            fresh = (fresh or b"") + SETTINGS.format(ledger=LEDGER, left_out=left_out).encode()
        elif fresh is not None and _is_mutated(name):
            fresh = _without_decorators(fresh.decode()).encode()
        there = place / name
        if fresh == (there.read_bytes() if there.is_file() else None):
            continue
        changed = changed or not (_is_mutated(name) or name == "pyproject.toml")
        for old in (there, place / "mutants" / name):
            old.unlink(missing_ok=True)
        if fresh is None:
            (place / "mutants" / f"{name}.meta").unlink(missing_ok=True)
        else:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(fresh)
    # Made anew each time, in seconds: the mutants (what is known of them stays) and which test reaches what.
    for old in [*(place / "mutants" / LEDGER).rglob("*.py"), place / "mutants" / "mutmut-stats.json"]:
        old.unlink(missing_ok=True)
    for meta in (place / "mutants" / LEDGER).rglob("*.meta"):
        content = json.loads(meta.read_text())
        for name, code in content["exit_code_by_key"].items():
            kept = KILLED | {SAME} if changed and _is_chosen(name, only) else KILLED | SURVIVED | {SAME}
            content["exit_code_by_key"][name] = code if code in kept else None
        meta.write_text(json.dumps(content))
    return place


def _commit() -> str:
    """Name what is being copied."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--", *COPIED)
    return git("rev-parse", "--short=12", "HEAD") + (" with changes not committed" if changed else "")


def _foreign(database: str) -> list[str]:
    return [module for module, its in ONE_DATABASE.items() if its != database]


def _is_mutated(name: str) -> bool:
    inner = name.removeprefix(f"{LEDGER}/")
    return inner != name and name.endswith(".py") and not any(Path(inner).match(one) for one in LEFT_OUT)


def _without_decorators(source: str) -> str:
    """Write ``@d def f`` as ``def f; f = d(f)``, which mutmut then mutates: a decorated function it leaves alone."""
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    found = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    for node in sorted(found, key=lambda node: node.lineno, reverse=True):
        call = node.name
        for decorator in reversed(node.decorator_list):
            call = f"{ast.get_source_segment(source, decorator)}({call})"
        lines.insert(node.end_lineno or node.lineno, f"{' ' * node.col_offset}{node.name} = {call}")
        first = node.decorator_list[0].lineno
        del lines[first - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


# -- The run -----------------------------------------------------------------------------------------------------------
def _run(database: str, tool: Path, only: list[str], end: float) -> None:
    """Run mutmut on the mutants that are untried there, at most until ``end``."""
    place = _copy(database, only)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tool),
        "TEST_DB": database,
        "SHANJI_TEST_CACHE": str(HOME / "cache"),  # mutants change the digest of migrations: spare the suite's cache
    }
    subprocess.run([sys.executable, "-c", GENERATE], cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
    first = _codes(HOME / "sqlite") if database == "postgresql" else {}
    names = {
        name
        for name, code in _codes(place).items()
        if code is None and _is_chosen(name, only) and first.get(name) not in KILLED | {SAME}
    }
    if not names or end <= time.monotonic():
        return
    print(f"\n=== {database}: {len(names)} to try ===", flush=True)
    with _server(database) as url:
        environment |= {"TEST_DATABASE_URL": url} if url else {}
        names -= _settled(database, place, names, environment)
        if not names:
            return
        untried = [name for name, code in _codes(place).items() if code is None]
        chosen = sorted(names) if len(names) < len(untried) else []  # all that is untried: mutmut knows
        command = [sys.executable, "-c", RUN, "run", "--max-children", "1", *chosen]
        with (HOME / f"{database}.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                while process.poll() is None and time.monotonic() < end:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(60)
                    tried = [code for code in _codes(place).values() if code in KILLED | SURVIVED]
                    print(f"{len(tried)} tried, {sum(code in SURVIVED for code in tried)} live", flush=True)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)  # what it knows is written down after every mutant
                    process.wait()
    if process.returncode not in {0, -signal.SIGTERM}:
        raise SystemExit(f"mutmut ended with {process.returncode}; see {log.name}.")


def _settled(database: str, place: Path, names: set[str], environment: dict[str, str]) -> set[str]:
    """Write down and return what need not be run: SQL in other letters, and lines that no test reaches here."""
    reached = _reached(place, environment)
    sources = {module: _statements((place / LEDGER / module).read_text()) for module in reached}
    verdicts: dict[str, int] = {}
    for one in _mutants(place, database):
        if one.key in names and one.is_same_sql:
            verdicts[one.key] = SAME
        elif (
            one.key in names
            and one.module in reached
            and not sources[one.module].get(one.line, set()) & reached[one.module]
        ):
            verdicts[one.key] = NOT_REACHED
    for meta in (place / "mutants" / LEDGER).rglob("*.meta"):
        content = json.loads(meta.read_text())
        content["exit_code_by_key"] = {
            name: verdicts.get(name, code) for name, code in content["exit_code_by_key"].items()
        }
        meta.write_text(json.dumps(content))
    return set(verdicts)


def _reached(place: Path, environment: dict[str, str]) -> dict[str, set[int]]:
    """Run the tests once on the copy as it is; return the lines that were reached, by module."""
    from coverage import CoverageData

    data = place / "lines"
    command = [sys.executable, "-m", "coverage", "run", "--rcfile=/dev/null", f"--data-file={data}"]
    command += [f"--source={LEDGER}", "-m", "pytest", "-q", "-x", "-m", "not slow and not e2e", "tests/ledger"]
    with data.with_suffix(".log").open("w") as log:
        if subprocess.run(command, cwd=place, env=environment, check=False, stdout=log, stderr=log).returncode:
            raise SystemExit(f"The tests fail on the ledger as it is; see {log.name}.")
    found = CoverageData(str(data))
    found.read()
    return {
        str(Path(file).relative_to(place / LEDGER)): set(found.lines(file) or []) for file in found.measured_files()
    }


def _statements(source: str) -> dict[int, set[int]]:
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


def _is_chosen(mutant: str, only: list[str]) -> bool:
    modules = [str(LEDGER / one).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for one in only]
    return not only or mutant.rpartition(".")[0] in modules


def _codes(place: Path) -> dict[str, int | None]:
    """Return the exit code of the tests by mutant, None where it was not tried."""
    codes: dict[str, int | None] = {}
    for meta in sorted((place / "mutants" / LEDGER).rglob("*.meta")):
        codes.update(json.loads(meta.read_text())["exit_code_by_key"])
    return codes


@contextlib.contextmanager
def _server(database: str) -> Iterator[str]:
    """Keep one PostgreSQL for the whole run: to start one for each mutant would cost more than its tests."""
    if database == "sqlite":
        yield ""
        return
    from tests.support import postgres

    binaries = postgres.find_binaries()
    if binaries is None:
        raise SystemExit("No PostgreSQL: `make setup` brings one.")
    with tempfile.TemporaryDirectory(prefix="shanji-mutation-", dir="/tmp") as folder:
        home = Path(folder) / "pg"
        home.parent.chmod(0o711)
        server = postgres.start(*binaries, home)
        try:
            yield f"postgresql://postgres@/postgres?host={home}"
        finally:
            postgres.stop(server)


# -- The report --------------------------------------------------------------------------------------------------------
def _mutants(tree: Path = ROOT, database: str = "") -> Iterator[Mutant]:
    """Yield every mutant of every module (as made for one database), with the line it changes in the tree."""
    codes = {name: _codes(HOME / name) for name in ("sqlite", "postgresql")}
    for path in sorted((tree / LEDGER).rglob("*.py")):
        module = str(path.relative_to(tree / LEDGER))
        if not _is_mutated(f"{LEDGER}/{module}"):
            continue
        made = HOME / (database or ONE_DATABASE.get(module, "sqlite")) / "mutants" / LEDGER / module
        if not made.exists():
            continue
        starts = _functions(path.read_text())
        functions = _functions(made.read_text())
        dotted = str(LEDGER / module).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        seen: Counter[str] = Counter()
        for name_, (_, body) in functions.items():
            inside, _, number = name_.rpartition("__mutmut_")
            if not number.isdigit():
                continue
            function = inside.rpartition(".")[2]
            function = function[1:].replace("ǁ", ".").strip(".") if "ǁ" in function else function[2:]
            offset, before, after = _difference(functions[f"{inside}__mutmut_orig"][1], body)
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
                {name: found[key] for name, found in codes.items() if key in found},
            )


def _functions(source: str) -> dict[str, tuple[int, list[str]]]:
    """Return first line and text of each function, methods by ``Class.method``."""
    lines = source.splitlines()
    found = {}
    tree = ast.parse(source)
    for prefix, body in [("", tree.body), *((f"{c.name}.", c.body) for c in tree.body if isinstance(c, ast.ClassDef))]:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                found[prefix + node.name] = (node.lineno, lines[node.lineno - 1 : node.end_lineno])
    return found


def _difference(old: list[str], new: list[str]) -> tuple[int, str, str]:
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


def _report() -> int:
    """Write the table and name every survivor; return 1 when a word is missing or a mutant was not tried."""
    mutants = list(_mutants())
    words = _words()
    survivors = [one for one in mutants if one.fate == "survived"]
    untried = [one for one in mutants if one.fate == "untried"]
    missing = [one for one in survivors if one.id not in words]
    gone = sorted(set(words) - {one.id for one in [*survivors, *untried]})
    REPORT.write_text("\n".join(_lines(mutants, words)) + "\n")
    for one in missing:
        print(f"no word: {one.id} (line {one.line})\n  - {one.before}\n  + {one.after}")
    for id in gone:
        print(f"a word for what does not survive: {id}")
    killed = sum(one.fate == "killed" for one in mutants)
    print(
        f"{REPORT.relative_to(ROOT)}: {killed} of {len(mutants)} killed, {len(survivors)} live, {len(untried)} untried"
    )
    return 1 if missing or gone or untried or not mutants else 0


def _words() -> dict[str, str]:
    """Read why survivors live, by their id."""
    groups = tomllib.loads(WORDS.read_text())["word"] if WORDS.exists() else []
    return {id: group["says"] for group in groups for id in group["of"]}


def _lines(mutants: list[Mutant], words: dict[str, str]) -> Iterator[str]:
    yield "# Mutation testing of the ledger\n"
    began, *ran = [path.read_text() for path in (HOME / "began", *sorted(HOME.glob("*/commit"))) if path.exists()]
    when = f"at commit {ran[0]}" if len({began, *ran}) == 1 else f"begun at commit {began}, ended at {ran[-1]}"
    yield f"*Written by `make mutation`, {when}; do not edit. The words are in `tools/mutation.toml`.*\n"
    yield (
        "A mutant is the ledger with one small change (a sign turned, an argument dropped, a text altered). It is "
        "killed when a test of `tests/ledger` fails, on SQLite or, if it lives there, on PostgreSQL. Not mutated: "
        "migrations, statements outside functions, `urls.py`, `testing.py` (the suite's own) and the receipt's "
        "script, which runs in a process of its own. A mutant once killed is tried again only when its function "
        "changes, or all are with `make mutation FRESH=1`. *Same*: only the case of SQL was changed, which changes "
        "nothing; these do not count into the score. What is untried counts as not killed.\n"
    )
    yield "| module | mutants | same | killed on SQLite | only on PostgreSQL | live | untried | score |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    modules = sorted({one.module for one in mutants})
    for module in modules:
        yield _row(module, [one for one in mutants if one.module == module])
    yield _row("**all**", mutants)
    yield "\n## Survivors"
    for module in modules:
        live = [one for one in mutants if one.module == module and one.fate == "survived"]
        if live:
            yield f"\n### {module}\n"
        for one in sorted(live, key=lambda one: (one.line, one.id)):
            word = words.get(one.id, "NO WORD YET")
            change = f"{_code(one.before)} → {_code(one.after)}" if one.after else f"{_code(one.before)} dropped"
            yield f"- `{LEDGER}/{module}:{one.line}` {change}: {word}"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _row(name: str, mutants: list[Mutant]) -> str:
    fates = Counter(one.fate for one in mutants)
    first = sum(one.fate == "killed" and one.fates.get("sqlite") in KILLED for one in mutants)
    counted = len(mutants) - fates["same"]
    score = f"{100 * fates['killed'] / counted:.1f} %" if counted else "-"
    cells = [
        name,
        len(mutants),
        fates["same"],
        first,
        fates["killed"] - first,
        fates["survived"],
        fates["untried"],
        score,
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
