"""Other people's ledgers, measured beside ours in an environment of their own (``bench/peers.txt``)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINNED = ROOT / "bench" / "peers.txt"
HOME = ROOT / "var" / "bench" / "peers"


def python(say: Callable[[str], None]) -> str:
    """Return the interpreter of the peers' environment, made at the first call. Raises ``CouldNotRunError``."""
    from bench.server import CouldNotRunError  # the peers' own processes have no psycopg of ours to import

    program = HOME / "bin" / "python"
    mark = HOME / "made-from"
    wanted = hashlib.sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        say("B1: making an environment for the peers")
        try:
            venv.create(HOME, with_pip=True, clear=True)
            command = [
                str(program),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                str(PINNED),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CouldNotRunError(f"no environment for the peers: {error}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            raise CouldNotRunError(f"the peers could not be installed: {last}")
        mark.write_text(wanted)
    return str(program)
