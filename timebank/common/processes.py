"""One process tree: start children, start them again when they die, end them all together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LONGEST_PAUSE = 30.0  # seconds before a child that keeps dying is tried again
PROVEN = 30.0  # seconds after which a child counts as having started well
GRACE = 12.0  # seconds a child has to finish its work after SIGTERM
PAUSE = 0.2  # seconds between two looks at the children
PR_SET_PDEATHSIG = 1
_libc = (
    ctypes.CDLL(None) if sys.platform == "linux" else None
)  # loaded here: nothing may be loaded between fork and exec


@dataclass
class Child:
    """One process of the tree."""

    name: str
    command: Sequence[str]
    vital: bool = False  # the tree ends if it never comes up
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = field(default=0.0)


class Tree:
    """Keeps its children alive until it is told to stop (SIGINT, SIGTERM or ``stop``)."""

    def __init__(
        self, children: Sequence[Child], say: Callable[[str], None], environment: dict[str, str] | None = None
    ):
        self.children = list(children)
        self.say = say
        self.environment = {**os.environ, **(environment or {})}
        # No Event: a signal that comes while the main thread holds its lock would wait for ever for that thread.
        self._ending = False
        self._failed = False

    def stop(self, *_signal: object) -> None:
        """Ask the tree to end."""
        self._ending = True

    def run(self) -> int:
        """Watch the children until asked to stop; return 0, or 1 when a vital child never came up."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        try:
            for child in self.children:
                self._start(child)
            while not self._ending:
                time.sleep(PAUSE)
                for child in self.children:
                    self._look_after(child)
        finally:
            self._end_all()
        return 1 if self._failed else 0

    def _start(self, child: Child) -> None:
        # A session of its own: Ctrl-C in the terminal reaches only us, and we end the children in good order.
        child.process = subprocess.Popen(  # noqa: S603 (our own commands)
            child.command, env=self.environment, start_new_session=True, preexec_fn=_die_with_parent
        )
        child.started = time.monotonic()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        lived = now - child.started
        child.deaths = 1 if lived > PROVEN else child.deaths + 1
        child.process = None
        if child.vital and child.deaths >= 3:
            self.say(f"The {child.name} ended {child.deaths} times within seconds ({_why(code)}); giving up.")
            self._failed = True
            self.stop()
            return
        pause = min(2.0 ** (child.deaths - 1), LONGEST_PAUSE)
        child.due = now + pause
        self.say(f"The {child.name} ended ({_why(code)}); starting it again in {pause:.0f} s.")

    def _end_all(self) -> None:
        living = [
            (child.name, child.process)
            for child in reversed(self.children)
            if child.process and child.process.poll() is None
        ]
        for _name, process in living:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for name, process in living:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"The {name} did not end within {GRACE:.0f} s; it is killed.")
        for _name, process in living:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what a child may have left behind


def _die_with_parent() -> None:
    """Ask the kernel to end the child when we are killed without a chance to do it (Linux only)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _why(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
