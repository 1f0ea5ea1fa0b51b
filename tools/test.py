"""Run the whole suite on PostgreSQL, then on SQLite, and say at the end what it ran against.

    python -m tools.test [pytest's own arguments]

``REQUIRE_ALL=1`` turns everything that could not run into a failure; CI sets it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "var" / "test-results"
# Most browser journeys and what uses no database do not differ by it: one real run of them is enough.
RUNS = {
    "postgresql": ("PostgreSQL, everything", []),
    "sqlite": ("SQLite, all that it can make differ", ["--sqlite", "--differs", "-m", "not e2e or path"]),
}


def main(arguments: list[str]) -> int:
    """Run both, print one summary, return the worst outcome."""
    # Each of the dozens of processes would translate the same thousand files again: 8 seconds of the processor a time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    processes = os.environ.get("TEST_PROCESSES", "2")
    lines, worst = [], 0
    # Each database is migrated once, by one process: SQLite's here, while others would wait for PostgreSQL's.
    template = ["-m", "pytest", "-q", "--sqlite", "-p", "no:cacheprovider", "tests/ledger/test_flows.py"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    waiting = subprocess.Popen([sys.executable, *template], cwd=ROOT, **quiet)
    for name, (title, extra) in RUNS.items():
        print(f"\n=== {title} ===", flush=True)
        if name == "sqlite":
            waiting.wait()
        (RESULTS / f"{name}.json").unlink(missing_ok=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-n", processes, "--dist", "loadgroup", *extra, *arguments]
        code = subprocess.call(command, cwd=ROOT)
        worst = max(worst, abs(code))
        lines += _describe(name, title, code, time.monotonic() - began)
    print("\n=== What the suite ran against ===")
    print("\n".join(lines))
    print(f"REQUIRE_ALL is {'on' if os.environ.get('REQUIRE_ALL', '0') not in {'', '0'} else 'off'}.")
    return 1 if worst else 0


def _describe(name: str, title: str, code: int, seconds: float) -> list[str]:
    file = RESULTS / f"{name}.json"
    head = f"{'PASSED' if code == 0 else 'FAILED'}  {title} in {seconds / 60:.1f} min"
    if not file.exists():
        return [head, "        no result: the run ended before it could write one"]
    loads = json.loads(file.read_text())
    counts = ", ".join(f"{count} {what}" for what, count in sorted(loads["counts"].items()))
    lines = [f"{head}: {counts}"]
    lines += [f"        {item}" for item in loads["used"]]
    lines += [f"        COULD NOT RUN {item}" for item in loads["missing"]]
    lines += [f"        FAILED {item}" for item in loads["failed"]]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
