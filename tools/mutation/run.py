"""The run: mutmut on SQLite, then on PostgreSQL."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.mutation import results
from tools.mutation.common import (
    HOME,
    KILLED,
    LEDGER,
    NOT_REACHED,
    PINNED,
    RESULTS,
    SAME,
    SURVIVED,
    codes,
    is_chosen,
    mutants,
)
from tools.mutation.report import report
from tools.mutation.tree import copy, statements

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


def main() -> int:
    """Run what is left to run, write the report; 1 when a survivor has no word or a mutant is untried."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description="Mutate the ledger.")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long; the next run goes on")
    parser.add_argument("--only", nargs="+", default=[], metavar="MODULE", help="such as plan.py or services/holds.py")
    parser.add_argument("--fresh", action="store_true", help="forget all results of earlier runs")
    parser.add_argument("--report", action="store_true", help="run nothing, only write docs/mutation.md")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(HOME, ignore_errors=True)
        RESULTS.unlink(missing_ok=True)
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
        results.store()
    return report()


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


# -- The run -----------------------------------------------------------------------------------------------------------
def _run(database: str, tool: Path, only: list[str], end: float) -> None:
    """Run mutmut on the mutants that are untried there, at most until ``end``."""
    place = copy(database, only)
    new = not (place / "mutants").exists()
    environment = {
        **os.environ,
        "PYTHONPATH": str(tool),
        "TEST_DB": database,
        "SHANJI_TEST_CACHE": str(HOME / "cache"),  # mutants change the digest of migrations: spare the suite's cache
    }
    subprocess.run([sys.executable, "-c", GENERATE], cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
    if new:
        results.recall(place)
    first = codes(HOME / "sqlite") if database == "postgresql" else {}
    names = {
        name
        for name, code in codes(place).items()
        if code is None and is_chosen(name, only) and first.get(name) not in KILLED | {SAME}
    }
    if not names or end <= time.monotonic():
        return
    print(f"\n=== {database}: {len(names)} to try ===", flush=True)
    with _server(database) as url:
        environment |= {"TEST_DATABASE_URL": url} if url else {}
        names -= _settled(database, place, names, environment)
        if not names:
            return
        untried = [name for name, code in codes(place).items() if code is None]
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
                    tried = [code for code in codes(place).values() if code in KILLED | SURVIVED]
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
    sources = {module: statements((place / LEDGER / module).read_text()) for module in reached}
    verdicts: dict[str, int] = {}
    for mutant in mutants(place, database):
        if mutant.key in names and mutant.is_same_sql:
            verdicts[mutant.key] = SAME
        elif (
            mutant.key in names
            and mutant.module in reached
            and not sources[mutant.module].get(mutant.line, set()) & reached[mutant.module]
        ):
            verdicts[mutant.key] = NOT_REACHED
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
    result = CoverageData(str(data))
    result.read()
    return {
        str(Path(file).relative_to(place / LEDGER)): set(result.lines(file) or []) for file in result.measured_files()
    }


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
