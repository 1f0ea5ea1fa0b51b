"""The folder of one test run, shared by its workers: the servers it started, and what it ran against.

The first process of a run makes the folder and names it in the environment; xdist's workers inherit the name. What a
killed run left behind is swept up by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "shanji-test-"
VARIABLE = "SHANJI_TEST_RUN"
MEMORY = "/dev/shm"
ROOM = 4 * 1024**3


def folder() -> Path:
    """Return this run's folder, made by whoever asks first."""
    known = os.environ.get(VARIABLE)
    if known and Path(known).is_dir():
        return Path(known)
    sweep()
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_base()))
    made.chmod(0o711)  # the database's own user passes through, nobody looks in
    (made / "owner").write_text(str(os.getpid()))
    (made / "parts").mkdir()
    os.environ[VARIABLE] = str(made)
    return made


def _base() -> str:
    """Choose where the databases of the run lie: in memory, where there is plenty (a copy takes a tenth there)."""
    with contextlib.suppress(OSError):
        memory = os.statvfs(MEMORY)
        runs_programs = not memory.f_flag & os.ST_NOEXEC  # the server's own are copied beside its data
        if runs_programs and memory.f_bavail * memory.f_frsize >= ROOM and os.access(MEMORY, os.W_OK):
            return MEMORY
    # A unix socket's path may be 107 characters long, so no deep temporary folders.
    return tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else "/tmp"


def is_owner() -> bool:
    """Tell whether this process made the run's folder (a worker did not)."""
    known = os.environ.get(VARIABLE)
    return bool(known) and (Path(known) / "owner").exists() and (Path(known) / "owner").read_text() == str(os.getpid())


def remove() -> None:
    """Take the run's folder away, when its servers have been stopped."""
    shutil.rmtree(os.environ.pop(VARIABLE, ""), ignore_errors=True)


def sweep() -> None:
    """Stop and remove what runs that are no longer alive left behind."""
    for base in {tempfile.gettempdir(), "/tmp", MEMORY}:
        for left in Path(base).glob(PREFIX + "*"):
            try:
                info = left.stat()
                owner = int((left / "owner").read_text())
            except (OSError, ValueError):
                continue
            if info.st_uid != os.getuid() or Path(f"/proc/{owner}").exists() or not Path("/proc/self").exists():
                continue
            with contextlib.suppress(OSError, ValueError, IndexError):
                postmaster = int((left / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0])
                if str(left) in Path(f"/proc/{postmaster}/cmdline").read_text():
                    os.kill(postmaster, signal.SIGQUIT)
                    time.sleep(0.2)
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock file between processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache() -> Path:
    """Return the folder where migrated databases wait for the next run (``SHANJI_TEST_CACHE`` moves it)."""
    default = Path(tempfile.gettempdir()) / f"shanji-test-cache-{os.getuid()}"
    path = Path(os.environ.get("SHANJI_TEST_CACHE") or default)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = path.lstat()
    if info.st_uid != os.getuid() or not stat.S_ISDIR(info.st_mode):
        raise RuntimeError(f"{path} belongs to somebody else; name another folder in SHANJI_TEST_CACHE.")
    return path


def prune(pattern: str, keep: int = 24) -> None:
    """Keep only the newest few entries of the cache."""
    found = sorted(cache().glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[keep:]:
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


def note(part: str, text: str) -> None:
    """Record which real part (server, browser, font) this run used."""
    _write("used", part, text)


def could_not(part: str, reason: str) -> None:
    """Record what this run could not do, and why."""
    _write("missing", part, reason)


def _write(kind: str, part: str, text: str) -> None:
    name = hashlib.sha256(f"{kind}{part}{text}".encode()).hexdigest()[:16]
    target = folder() / "parts" / f"{name}.json"
    if not target.exists():
        target.write_text(json.dumps({"kind": kind, "part": part, "text": text}))


def parts() -> list[dict[str, str]]:
    """Return all notes of this run, in a stable order."""
    found = [json.loads(path.read_text()) for path in (folder() / "parts").glob("*.json")]
    return sorted(found, key=lambda one: (one["kind"] != "used", one["part"], one["text"]))
