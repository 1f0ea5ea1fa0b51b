"""Do what a newcomer does, `make run` in a fresh clone, and measure it: time, disk and memory.

    python -m tools.first_run [--port 8179]

Leaves the figures in ``var/first-run.json``, from where `make figures` takes them. Linux only: memory is read from
``/proc`` (proportional share, so that pages shared by the processes count once).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "var" / "first-run.json"
LONGEST = 30 * 60


def megabytes(folder: Path) -> int:
    """Return what lies in a folder, in MB."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the queue's files come and go
            size += 0 if path.is_dir() else path.lstat().st_size
    return round(size / 1e6)


def below(pid: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from below(int(child))


def memory(pid: int) -> int:
    """Return the memory of a process and all below it, in MB."""
    kilobytes = 0
    for process in below(pid):
        with contextlib.suppress(OSError):
            rows = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return round(kilobytes / 1000)


def answers(port: int) -> bool:
    """Say whether the site is up."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def measure(port: int) -> dict[str, float]:
    """Clone, `make run`, wait until it answers, look, stop."""
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "shanji"
        subprocess.run(["git", "clone", "--quiet", ROOT.as_uri(), str(clone)], check=True)
        environment = {key: value for key, value in os.environ.items() if key not in {"VAR_DIR", "DATABASE_URL"}}
        environment |= {"PORT": str(port)}
        began = time.monotonic()
        with (Path(name) / "said").open("w") as said:
            process = subprocess.Popen(["make", "run"], cwd=clone, env=environment, stdout=said, start_new_session=True)
        try:
            while not answers(port):
                if process.poll() is not None or time.monotonic() - began > LONGEST:
                    raise SystemExit(f"make run did not come up:\n{Path(said.name).read_text()[-2000:]}")
                time.sleep(1)
            minutes = (time.monotonic() - began) / 60
            urllib.request.urlopen(f"http://127.0.0.1:{port}/shop/", timeout=30).read()
            return {
                "Minutes until it answers": round(minutes, 1),
                "Memory of all its processes, MB": memory(process.pid),
                "Disk: packages, MB": megabytes(clone / ".venv"),
                "Disk: demo's database and files, MB": megabytes(clone / "var"),
            }
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m tools.first_run", description=__doc__)
    parser.add_argument("--port", type=int, default=8179)
    figures = measure(parser.parse_args().port)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    for title, value in figures.items():
        print(f"{title}: {value:,}")


if __name__ == "__main__":
    main()
