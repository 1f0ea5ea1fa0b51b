"""Everything that can be checked without running the product: all checks run, each says how it went.

python -m tools.lint [name …]     only the named checks
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools import checks

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable, "-m"]
MANAGE = [sys.executable, "manage.py"]
Outcome = tuple[bool, str]


def command(*words: str, **environment: str) -> Callable[[], Outcome]:
    """Return a check that runs a command and passes when it exits 0."""

    def check() -> Outcome:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    return check


def listing(function: Callable[[], list[str]]) -> Callable[[], Outcome]:
    """Return a check that passes when a function finds nothing to name."""

    def check() -> Outcome:
        said = function()
        return not said, "\n".join(said)

    return check


def _production() -> dict[str, str]:
    """Return an environment in which the production settings start; every value is invented."""
    return {
        "DJANGO_SETTINGS_MODULE": "settings.production",
        "SECRET_KEY": "only-to-check-the-settings-" + "0123456789" * 5,
        "ID_NUMBER_KEYS": "c2hhbmppLWNoZWNrLWtleS1ub3QtZm9yLXByb2R1Y3Q=",
        "LEDGER_SEAL_KEY": "0123456789abcdef" * 4,
        "DATABASE_URL": "sqlite:///:memory:",
        "ALLOWED_HOSTS": "shanji.example",
        "SITE_URL": "https://shanji.example",
    }


CHECKS: dict[str, Callable[[], Outcome]] = {
    "style": command(*PYTHON, "ruff", "check", "--quiet", "--output-format", "concise", "."),
    "format": command(*PYTHON, "ruff", "format", "--quiet", "--check", "."),
    "import order": command(checks.script("lint-imports"), "--no-logo"),
    "types": command(*PYTHON, "mypy"),
    "templates": listing(checks.templates),
    "template format": listing(checks.template_format),
    "settings": command(*MANAGE, "check", "--fail-level", "WARNING"),
    "settings for production": command(*MANAGE, "check", "--deploy", "--fail-level", "WARNING", **_production()),
    "migrations": command(*MANAGE, "makemigrations", "--check", "--dry-run"),
    "migrations of forks": listing(checks.forked_migrations),
    "translations": listing(checks.translations),
    "reading": listing(checks.reading),
    "tracked files": listing(checks.tracked_files),
    "lock": listing(checks.lock),
}


def main(names: list[str]) -> int:
    """Run the checks two at a time, print each outcome, return 1 if one failed."""
    unknown = set(names) - set(CHECKS)
    if unknown:
        print(f"No such check: {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}.")
        return 2
    chosen = {name: check for name, check in CHECKS.items() if not names or name in names}
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        pending = {name: pool.submit(_timed, check) for name, check in chosen.items()}
        for name, future in pending.items():
            passed, text, seconds = future.result()
            print(f"{'ok    ' if passed else 'FAILED'} {name} ({seconds:.1f} s)", flush=True)
            if not passed:
                failed.append(name)
                print("\n".join(f"       {line}" for line in text.splitlines()[:200]), flush=True)
    named = f" Failed: {', '.join(failed)}." if failed else ""
    print(f"{len(chosen) - len(failed)} of {len(chosen)} checks passed.{named}")
    return 1 if failed else 0


def _timed(check: Callable[[], Outcome]) -> tuple[bool, str, float]:
    began = time.monotonic()
    passed, text = check()
    return passed, text, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
